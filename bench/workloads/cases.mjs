/** The peers and the transports that they are measured on: `[peer, transport]`. The first three can send bytes. */
export const WEBSOCKETS = ["ws", "everwire", "socket.io", "primus", "sockjs", "floor", "by-hand"].map((peer) => [
  peer,
  "websocket",
])
export const STREAMS = ["http", "everwire", "sockjs"].map((peer) => [peer, "sse"])
export const POLLS = ["http", "everwire", "socket.io", "sockjs", "by-hand"].map((peer) => [peer, "long-poll"])
/** The peers that have rooms, and `ws` with a Map of Sets. */
export const WITH_ROOMS = ["ws", "everwire", "socket.io"].map((peer) => [peer, "websocket"])
