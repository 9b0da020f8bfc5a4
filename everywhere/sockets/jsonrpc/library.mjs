// JSON-RPC of language servers: requests up, notifications down, over vscode-ws-jsonrpc on both ends.
import * as lines from "./lines.mjs"

export function serve(server, { heard, push }) {
  lines.serve(server, (connection) => {
    connection.onRequest("say", (n) => {
      heard(n)
      return n
    })
    connection.onRequest("ready", () => {
      push((n) => void connection.sendNotification("count", n))
      return true
    })
    connection.listen()
  })
}

export async function connect({ WebSocket, url, heard, failed }) {
  const webSocket = new WebSocket(url)
  const connection = await lines.connect(webSocket)
  const asked = []
  let isClosing = false
  connection.onNotification("count", heard)
  connection.onClose(() => isClosing || failed(new Error("the connection closed")))
  connection.listen()
  await connection.sendRequest("ready")
  return {
    send: (n) =>
      asked.push(
        connection.sendRequest("say", n).then((same) => same === n || failed(new Error("another answer")), failed),
      ),
    async close() {
      await Promise.all(asked)
      isClosing = true
      connection.dispose()
      webSocket.close()
    },
  }
}
