import { Client } from "@stomp/stompjs"

/**
 * The broker's heartbeats wait while the channel is away, so the client is patient. The broker serves `sockets.on("connection")`
 * as it does on ws.
 */
export const connect = (WebSocket, url, options) =>
  new Client({
    webSocketFactory: () => new WebSocket(url, ["v12.stomp"]),
    heartbeatIncoming: 30_000,
    ...options,
  })
