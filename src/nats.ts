/**
 * `everwire/nats`: joins the hubs of processes that share a NATS server, with a connection of `@nats-io/transport-node` that
 * the application brings.
 *
 * @module
 */

export type { Backplane } from "./cluster/backplane.ts"
export type { NatsConnection, NatsMessage } from "./cluster/nats/connection.ts"
export { type NatsOptions, nats } from "./cluster/nats/nats.ts"
export type { Cluster } from "./server/cluster.ts"
