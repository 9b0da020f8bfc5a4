import { createWebSocketConnection, listen } from "vscode-ws-jsonrpc"

export const serve = (sockets, onConnection) =>
  sockets.on("connection", (socket) => {
    const port = {
      send: (content) => socket.send(content),
      onMessage: (listener) => socket.on("message", (data) => listener(String(data))),
      onError: (listener) => socket.on("error", listener),
      onClose: (listener) => socket.on("close", (code, reason) => listener(code, String(reason))),
      dispose: () => socket.close(),
    }
    onConnection(createWebSocketConnection(port))
  })
export const connect = (webSocket) => new Promise((onConnection) => listen({ webSocket, onConnection }))
