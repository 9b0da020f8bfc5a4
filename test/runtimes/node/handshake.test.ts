import { createChannel } from "everwire"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { writeOffer } from "../../../src/transports/websocket/offer.ts"
import { hello, openTcp } from "../../hostile/attack.ts"
import { disposeAll, onDispose, startHub, startServer } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** The first frame on a socket that sends nothing after its handshake. */
function firstFrame(url: string, protocols: string[]): Promise<{ agreed: string; text: string }> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`, protocols)
  onDispose(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once("error", reject)
    socket.once("message", (data: Buffer) => resolve({ agreed: socket.protocol, text: data.toString() }))
  })
}

describe("the hello in the handshake of a WebSocket", () => {
  it("is answered with the welcome and the hub's first messages, in the same write as the 101", async () => {
    const { hub, url, server } = await startHub()
    let writes = 0
    server.on("connection", (socket) => {
      for (const name of ["_write", "_writev"] as const) {
        const write = socket[name]?.bind(socket) as (...args: unknown[]) => void // From Node's stream documentation.
        socket[name] = (...args: unknown[]) => {
          writes++
          write(...args)
        }
      }
    })
    hub.onPeer((peer) => peer.send("first", "ü"))
    const { port, host } = new URL(url)
    const { socket } = await openTcp(Number(port))
    const offer = writeOffer(hello()).join(", ")
    const piece = new Promise<string>((resolve) => {
      socket.once("data", (bytes) => resolve(bytes.toString()))
    })
    socket.write(
      `GET /everwire/websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${offer}\r\n\r\n`,
    )
    expect(await piece).toMatch(/^HTTP\/1.1 101 .*Sec-WebSocket-Protocol: everwire\r\n.*w\{.*\nmfirst\t"ü"$/s)
    expect(writes).toBe(1)
  })

  it("begins a session like a hello after the handshake", async () => {
    const { url, hub } = await startHub({ authenticate: ({ auth }) => ({ id: String(auth) }) })
    const { agreed, text } = await firstFrame(url, writeOffer(hello({ auth: "Zoë (1)" })))
    expect(agreed).toBe("everwire")
    expect(text).toMatch(/^w\{/)
    expect(Array.from(hub.peers.values(), ({ principal }) => principal.id)).toEqual(["Zoë (1)"])
  })

  it.each([
    ["is no batch", ["everwire", "GET"]],
    ["is not encoded as it should be", ["everwire", "h%7"]],
  ])("is refused with a code when it %s", async (_, protocols) => {
    const { url } = await startHub()
    const { text } = await firstFrame(url, protocols)
    expect(JSON.parse(text.slice(1))).toMatchObject({ code: "protocol-error" })
  })

  it.each<[offered: string, agreed: string]>([
    ["everwire", "everwire"],
    ["chat, everwire", "everwire"],
    ["HELLO, everwire", "everwire"],
    ["everwire, HELLO, chat", "everwire"],
    ["HELLO", ""],
    ["chat", ""],
    ["Everwire", ""],
    ["everwire2, HELLO", ""],
  ])(
    "is accepted by the name `everwire` only, and not repeated in the answer: of %s the hub selects %j",
    async (offered, agreed) => {
      const { url } = await startHub()
      const { host, port } = new URL(url)
      const [, token = ""] = writeOffer(hello())
      const { socket } = await openTcp(Number(port))
      const piece = new Promise<string>((resolve) => {
        socket.once("data", (bytes) => resolve(bytes.toString()))
      })
      socket.write(
        `GET /everwire/websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n" +
          `Sec-WebSocket-Protocol: ${offered.replace("HELLO", token)}\r\n\r\n`,
      )
      const [head = ""] = (await piece).split("\r\n\r\n")
      expect(head).toMatch(/^HTTP\/1.1 101 /)
      expect(/^sec-websocket-protocol: (.*)$/im.exec(head)?.[1] ?? "").toBe(agreed)
      expect(head).not.toContain("key-of-")
      expect(head).not.toContain(token.slice(0, 20))
    },
  )

  it("is not searched for in the subprotocols of another application", async () => {
    const { url, hub } = await startHub()
    const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`, ["chat", "everwire"])
    onDispose(() => socket.terminate())
    socket.on("open", () => socket.send(hello()))
    const [data] = await new Promise<Buffer[]>((resolve) => {
      socket.once("message", (...heard) => resolve(heard as Buffer[]))
    })
    expect(String(data)).toMatch(/^w\{/)
    expect(hub.peers.size).toBe(1)
  })

  it.each([
    ["goes along when it is small", 100, /^everwire,h%7B/],
    ["goes behind when it is large", 5_000, /^$/],
  ])("of a channel %s", async (_, length, offered) => {
    const auth = "x".repeat(length)
    const offers: string[] = []
    const { url, hub } = await startHub({
      authenticate(hello) {
        offers.push(hello.origin.header("sec-websocket-protocol") ?? "")
        return { id: String(hello.auth) }
      },
    })
    const channel = createChannel(url, { transports: ["websocket"], auth: () => auth })
    onDispose(() => channel.close())
    await channel.opened
    expect(offers).toEqual([expect.stringMatching(offered)])
    expect(Array.from(hub.peers.values(), ({ principal }) => principal.id)).toEqual([auth])
  })

  it("that a proxy has dropped fails only the WebSocket: the channel takes the next transport", async () => {
    const { server, port } = await startServer()
    const hub = createHub()
    onDispose(() => hub.close())
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => false })
    server.on("request", hub.listener)
    server.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => {}))
    const channel = createChannel(`http://127.0.0.1:${port}/everwire`, { transports: ["websocket", "long-poll"] })
    onDispose(() => channel.close())
    await channel.opened
    expect(channel.transport).toBe("long-poll")
    expect(channel.explain().rungs.map(({ standing }) => standing)).toEqual(["broken", "in-use"])
  })
})
