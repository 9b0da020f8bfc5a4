/**
 * `everwire/contract`: a contract of schemas, by which both ends check what crosses.
 *
 * @module
 */

export { nothing, type Schema, type SchemaIssue, type SchemaResult } from "./messaging/schema.ts"
export {
  type ChannelContract,
  type ContractOf,
  type ContractOption,
  contract,
  type HubContract,
  type HubContractOf,
  type SchemaContract,
  type Schemas,
} from "./messaging/schema-contract.ts"
