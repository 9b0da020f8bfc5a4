/**
 * What is measured, by name. `peer`: a file of `peers`. `store`: what joins its processes, undefined for one process alone.
 * `relayed`: links end at another process than their session. `isDurable`: sessions are kept in the store.
 */
export const cases = {
  alone: { peer: "everwire", title: "everwire, one process without a cluster", processes: 1 },
  owner: { peer: "everwire", title: "everwire, at the owner", store: "processes" },
  processes: { peer: "everwire", title: "everwire, `processes()`", store: "processes", relayed: true },
  redis: { peer: "everwire", title: "everwire, `redis()`", store: "redis", relayed: true },
  nats: { peer: "everwire", title: "everwire, `nats()`", store: "nats", relayed: true },
  "durable-processes": {
    peer: "everwire",
    title: "everwire, durable over `processes()`, at the owner",
    store: "processes",
    isDurable: true,
  },
  "durable-redis": {
    peer: "everwire",
    title: "everwire, durable over `redis()`, at the owner",
    store: "redis",
    isDurable: true,
  },
  "sio-alone": { peer: "socket.io", title: "Socket.IO, one process without an adapter", processes: 1 },
  "sio-cluster": { peer: "socket.io", title: "Socket.IO, cluster-adapter", store: "processes" },
  "sio-redis": { peer: "socket.io", title: "Socket.IO, redis-adapter", store: "redis", adapter: "redis" },
  "sio-streams": { peer: "socket.io", title: "Socket.IO, redis-streams-adapter", store: "redis", adapter: "streams" },
}

const STORES = ["processes", "redis", "nats"]
const ADAPTERS = ["sio-cluster", "sio-redis", "sio-streams"]

const DURABLE = ["durable-processes", "durable-redis"]

/** Sessions: at one process, at their owner in a cluster, relayed, and kept in the store. */
export const SESSIONS = ["alone", "owner", ...STORES, ...DURABLE]
/** Broadcasts that cross. */
export const ACROSS = [...STORES, ...ADAPTERS]
/** Broadcasts to many, beside one process. */
export const WIDE = ["alone", "processes", "sio-alone", "sio-cluster"]
/** What a hub does for its cluster alone. */
export const JOINED = STORES
/** Sessions that begin, with the one call of the store. */
export const NEW = ["alone", ...STORES]
