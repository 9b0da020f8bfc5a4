/**
 * `everwire/redis`: joins the hubs of processes that share a Redis server, with a client of the package `redis` or `ioredis`
 * that the application brings.
 *
 * @module
 */

export type { Backplane } from "./cluster/backplane.ts"
export type { IoRedisClient, NodeRedisClient } from "./cluster/redis/clients.ts"
export { type RedisOptions, redis } from "./cluster/redis/redis.ts"
export type { Cluster } from "./server/cluster.ts"
