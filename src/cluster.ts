/**
 * `everwire/cluster`: joins the hubs of several processes, so that any of them may answer any request.
 *
 * @module
 */

export type { Backplane } from "./cluster/backplane.ts"
export { cluster } from "./cluster/cluster.ts"
export type { ClusterOptions } from "./cluster/prefix.ts"
export { type ProcessesOptions, processes } from "./cluster/processes/processes.ts"
export { serveProcesses } from "./cluster/processes/serve.ts"
export {
  createPublisher,
  type Publisher,
  type PublisherAudience,
  type PublisherOptions,
} from "./cluster/publisher.ts"
export type { Cluster } from "./server/cluster.ts"
