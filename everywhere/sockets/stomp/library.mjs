// STOMP: the client of stompjs, and a broker of a page on the interface of ws (STOMP 1.2: CONNECT, SUBSCRIBE, SEND, RECEIPT).
import * as lines from "./lines.mjs"

const NUL = "\0"

function parse(frame) {
  const [head = "", body = ""] = frame.split("\n\n")
  const [command, ...lines] = head.trim().split("\n")
  return { command, headers: Object.fromEntries(lines.map((line) => line.trim().split(/:(.*)/s))), body }
}

const frameOf = (command, headers, body = "") =>
  `${[command, ...Object.entries(headers).map(([name, value]) => `${name}:${value}`)].join("\n")}\n\n${body}${NUL}`

/** A broker: each message to a destination goes to all who have subscribed to it. */
function broker(server) {
  const subscriptions = new Set()
  let messages = 0
  const publish = (destination, body) => {
    for (const { socket, id, to } of subscriptions) {
      if (to !== destination) continue
      const headers = { subscription: id, destination, "message-id": ++messages }
      socket.send(frameOf("MESSAGE", headers, body))
    }
  }
  const heard = []
  server.on("connection", (socket) => {
    if (socket.protocol !== "v12.stomp") return socket.close(1002, "not STOMP 1.2")
    const beat = setInterval(() => socket.send("\n"), 1_000)
    const own = new Set()
    socket.on("message", (data) => {
      for (const piece of String(data).split(NUL)) {
        if (piece.trim() === "") continue
        const { command, headers, body } = parse(piece)
        if (command === "CONNECT") socket.send(frameOf("CONNECTED", { version: "1.2", "heart-beat": "1000,1000" }))
        else if (command === "SUBSCRIBE") {
          const subscription = { socket, id: headers.id, to: headers.destination }
          own.add(subscription)
          subscriptions.add(subscription)
        } else if (command === "SEND") {
          for (const listener of heard) listener(headers.destination, body)
          publish(headers.destination, body)
        }
        if (headers.receipt !== undefined) socket.send(frameOf("RECEIPT", { "receipt-id": headers.receipt }))
      }
    })
    socket.on("close", () => {
      clearInterval(beat)
      for (const subscription of own) subscriptions.delete(subscription)
    })
  })
  return { publish, onSend: (listener) => heard.push(listener) }
}

export function serve(server, { heard, push }) {
  const { publish, onSend } = broker(server)
  onSend((destination, body) => destination === "/up" && heard(Number(body)))
  push((n) => publish("/down", String(n)))
}

export async function connect({ WebSocket, url, heard, failed }) {
  const client = lines.connect(WebSocket, url, {
    reconnectDelay: 0,
    heartbeatOutgoing: 1_000,
    onStompError: failed,
    onWebSocketClose: () => client.active && failed(new Error("the connection closed")),
  })
  await new Promise((resolve) => {
    client.onConnect = resolve
    client.activate()
  })
  await new Promise((resolve) => {
    client.watchForReceipt("subscribed", resolve)
    client.subscribe("/down", ({ body }) => heard(Number(body)), { receipt: "subscribed" })
  })
  return {
    send: (n) => client.publish({ destination: "/up", body: String(n) }),
    close: () => client.deactivate(),
  }
}
