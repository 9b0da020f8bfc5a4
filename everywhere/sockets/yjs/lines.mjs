import { setupWSConnection } from "@y/websocket-server/utils"
import { WebsocketProvider } from "y-websocket"

/** The room is the path of the socket. `disableBc`: tabs of a browser do not talk beside the channel. */
export const serve = (sockets) => sockets.on("connection", (socket, request) => setupWSConnection(socket, request))
export const connect = (WebSocket, url, room, doc) =>
  new WebsocketProvider(url, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true })
