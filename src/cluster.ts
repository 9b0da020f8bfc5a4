/**
 * `everwire/cluster`: joins the hubs of several processes, so that any of them may answer any request.
 *
 * @module
 */

export type { Backplane } from "./cluster/backplane.ts"
export { type ClusterOptions, cluster } from "./cluster/cluster.ts"
export type { Cluster } from "./server/cluster.ts"
