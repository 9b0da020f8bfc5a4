import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, nextOf } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { hello, openSocket, openTcp, openWelcomed } from "./attack.ts"

afterEach(disposeAll)

/** Bytes of a binary batch whose only packet claims to be this long. */
function binary(claimedBytes: number, bytes: string, isBytes = true): Uint8Array {
  const batch = Buffer.alloc(4 + bytes.length)
  batch.writeUInt32BE((claimedBytes + (isBytes ? 0x8000_0000 : 0)) >>> 0)
  batch.write(bytes, 4, "latin1")
  return batch
}
const packet = (bytes: string, isBytes = true): Uint8Array => binary(bytes.length, bytes, isBytes)

describe("instead of a hello", () => {
  it.each<[title: string, frame: string | Uint8Array, code: string]>([
    ["garbage text", "garbage", "protocol-error"],
    ["nothing", "", "protocol-error"],
    ["line ends", "\n\n\n", "protocol-error"],
    ["an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "protocol-error"],
    ["an empty binary frame", new Uint8Array(), "protocol-error"],
    ["half a header of bytes", Uint8Array.of(1, 2), "protocol-error"],
    ["bytes that claim more than there is", binary(1_000, "h{}", false), "protocol-error"],
    ["bytes that claim 2 GiB", binary(0x7fff_ffff, "h{}", false), "protocol-error"],
    ["bytes that are no UTF-8 text", packet("\xff\xfe", false), "protocol-error"],
    ["bytes as a packet", packet("h{}"), "protocol-error"],
    ["a hello of broken JSON", "h{", "protocol-error"],
    ["a hello that is null", "hnull", "protocol-error"],
    ["a hello that is a list", "h[]", "version-unsupported"],
    ["a hello without a version", hello({ v: undefined }), "version-unsupported"],
    ["another version", hello({ v: 2 }), "version-unsupported"],
    ["the version as text", hello({ v: "1" }), "version-unsupported"],
    ["a version that is huge", hello({ v: 1e300 }), "version-unsupported"],
    ["no id", hello({ id: undefined }), "protocol-error"],
    ["an id that can be guessed", hello({ id: "1" }), "protocol-error"],
    ["an id that is an object", hello({ id: { length: 30 } }), "protocol-error"],
    ["an id with characters that ids do not have", hello({ id: "x".repeat(22).concat("\u0000") }), "protocol-error"],
    ["an id that is very long", hello({ id: "x".repeat(65) }), "protocol-error"],
    ["no key", hello({ key: undefined }), "protocol-error"],
    ["a short key", hello({ key: "k" }), "protocol-error"],
    ["a negative count", hello({ heard: -1 }), "protocol-error"],
    ["a fraction", hello({ acked: 0.5 }), "protocol-error"],
    ["a huge count", hello({ heard: 1e300 }), "protocol-error"],
    ["a count beyond what is safe", hello({ turn: 2 ** 53 }), "protocol-error"],
    ["a count as text", hello({ heard: "0" }), "protocol-error"],
    ["a count that is null", hello({ turn: null }), "protocol-error"],
    ["a session nobody knows", hello({ heard: 5 }), "session-unknown"],
    ["a message", 'mchat\t"hi"', "protocol-error"],
    ["a take", 't{"turn":1,"heard":0}', "protocol-error"],
    ["a welcome", 'w{"v":1}', "protocol-error"],
    ["a hello that is too large", hello({ auth: "x".repeat(20_000) }), "too-large"],
    ["too much behind a hello", `${hello()}\n${"a0\n".repeat(6_000)}a0`, "too-large"],
    ["a hello followed by an unknown kind", `${hello()}\nz`, "protocol-error"],
    ["a hello followed by a message without its position", `${hello()}\nmchat\t1`, "protocol-error"],
  ])("%s is answered with a bye and a close of the same code", async (_, frame, code) => {
    const arena = await startArena()
    const { socket, closed } = await openSocket(arena.url)
    socket.send(frame)
    expect(await closed).toEqual({ status: code === "version-unsupported" ? 4001 : 4000, code, bye: code })
    await arena.settled()
  })
})

describe("after the welcome", () => {
  it.each<[title: string, frame: string | Uint8Array]>([
    ["an unknown kind", "z"],
    ["an unknown kind of many bytes", "🚢"],
    ["nothing", ""],
    ["an unknown kind in bytes", packet("zx\n")],
    ["an empty packet in bytes", packet("")],
    ["a batch that ends inside a header", Buffer.concat([packet("a0", false), Uint8Array.of(0)])],
    ["a second hello", hello()],
    ["a welcome", 'w{"v":1}'],
    ["a message before its position", 'mchat\t"hi"'],
    ["a gap", 'n2\nmchat\t"hi"'],
    ["a gap after a message", "n1\nmchat\t1\nn3\nmchat\t2"],
    ["position 0", "n0"],
    ["a negative position", "n-1"],
    ["a position in another notation", "n1e1"],
    ["a position that is huge", "n99999999999999999999"],
    ["no position", "n"],
    ["an ack of what was never said", "a5"],
    ["a negative ack", "a-1"],
    ["an ack that is no number", "aNaN"],
    ["an ack of half a probe", "a0,"],
    ["an ack of a probe that is no number", "a0,x"],
    ["a probe that is no number", "px"],
    ["a probe without a number", "p"],
    ["a take that is no JSON", "t"],
    ["a take without fields", "t{}"],
    ["a negative take", 't{"turn":-1,"heard":0}'],
    ["a take that has heard what was never said", 't{"turn":5,"heard":99}'],
    ["a bye that is no JSON", "b{"],
    ["a message without its payload", "n1\nmchat"],
    ["a payload that is no JSON", "n1\nmchat\t{"],
    ["a request without its name", "n1\nq1\t{}"],
    ["an answer that is no JSON", "n1\nr1"],
    ["a message in bytes without its header", Buffer.concat([packet("n1", false), packet("mchat")])],
    ["a message in bytes whose header never ends", Buffer.concat([packet("n1", false), packet("m".repeat(5_000))])],
    ["a name that is no UTF-8", Buffer.concat([packet("n1", false), packet("m\xff\xfe\n")])],
  ])("%s closes the link with protocol-error", async (_, frame) => {
    const arena = await startArena()
    const { socket, closed } = await openWelcomed(arena.url)
    socket.send(frame)
    expect(await closed).toEqual({ status: 4000, code: "protocol-error", bye: "protocol-error" })
    await arena.settled()
  })

  it("a payload larger than the welcome allows ends the session with too-large, and is not acknowledged", async () => {
    const arena = await startArena({ maxPayloadBytes: 10_000 })
    const ended = nextOf<unknown>((listener) => arena.hub.onPeer((peer) => peer.onClose(listener)))
    const { socket, closed } = await openWelcomed(arena.url)
    const acks: string[] = []
    socket.on("message", (data) =>
      acks.push(
        ...String(data)
          .split("\n")
          .filter((packet) => packet.startsWith("a")),
      ),
    )
    socket.send(`n1\nmchat\t1\nmchat\t"${"x".repeat(20_000)}"`)
    expect(await closed).toEqual({ status: 4001, code: "too-large", bye: "too-large" })
    expect(await ended).toMatchObject({ code: "too-large", retryable: false })
    expect(acks).toEqual(["a1"])
    await arena.settled()
  })

  it("names and data that objects could stumble over do no harm", async () => {
    const arena = await startArena()
    const { socket, next } = await openWelcomed(arena.url)
    const answer = next()
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    const said = names.flatMap((name) => [`m${name}\t{"__proto__":{"polluted":1}}`, `q${name}\t${name}\t{}`])
    socket.send(["n1", ...said, "q9\techo\t1"].join("\n"))
    expect((await answer).split("\n").slice(1)).toEqual([
      ...names.map((name) => `x${name}\t{"code":"request-unhandled","message":"nothing handles \\"${name}\\" here"}`),
      "r9\t1",
    ])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    socket.close()
    await arena.settled()
  })

  it("answers, failures and cancels that nobody waits for do no harm", async () => {
    const arena = await startArena()
    const { socket, next } = await openWelcomed(arena.url)
    const answer = next()
    socket.send('n1\nr1\t{}\nx1\t{"code":"nonsense"}\nx2\tnull\nc1\t\nc__proto__\t\nq9\techo\t1')
    expect(await answer).toContain("r9\t1")
    socket.close()
    await arena.settled()
  })

  it("a bye ends the session; what comes behind it is not heard", async () => {
    const arena = await startArena()
    arena.hub.on("late", () => expect.unreachable())
    const { socket, closed } = await openWelcomed(arena.url)
    socket.send('b{"code":"closed","reason":"","retryable":false}\nn1\nmlate\t1')
    expect(await closed).toMatchObject({ code: "closed-by-peer" })
    expect(arena.hub.peers.size).toBe(1)
    await arena.settled()
  })
})

describe("below the messages", () => {
  const upgrade = (key = "dGhlIHNhbXBsZSBub25jZQ=="): string =>
    [
      "GET /everwire/websocket HTTP/1.1",
      "Host: x",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${key}`,
      "\r\n",
    ].join("\r\n")

  it.each<[title: string, bytes: Buffer, status: number]>([
    ["a frame that is not masked", Buffer.from([0x81, 0x01, 0x68]), 1002],
    ["reserved bits", Buffer.from([0xf1, 0x81, 0, 0, 0, 0, 0x68]), 1002],
    ["an opcode that does not exist", Buffer.from([0x83, 0x81, 0, 0, 0, 0, 0x68]), 1002],
    ["a control frame that is too long", Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]), 1002],
    ["a frame that claims 2^62 bytes", Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ["a frame that claims 10 MB", Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x98, 0x96, 0x80, 0, 0, 0, 0]), 1009],
    ["text that is no UTF-8", Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), 1007],
    ["a close code that does not exist", Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x00, 0x01]), 1002],
  ])("%s is closed with the code of RFC 6455", async (_, bytes, status) => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.write(upgrade())
    await new Promise((resolve) => socket.once("data", resolve))
    socket.write(bytes)
    const text = await received
    expect(text).toContain("HTTP/1.1 101")
    const close = text.slice(-4)
    expect(close.charCodeAt(0)).toBe(0x88)
    expect(close.charCodeAt(2) * 256 + close.charCodeAt(3)).toBe(status)
    await arena.settled()
  })

  it("what is broken and stays open all the same is cut after 2 s", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.allowHalfOpen = true
    socket.write(upgrade())
    await new Promise((resolve) => socket.once("data", resolve))
    const cut = [...arena.sockets].map((one) => new Promise((resolve) => one.once("close", resolve)))
    socket.write(Buffer.from([0x81, 0x01, 0x68]))
    await received
    await Promise.race(cut)
    await arena.settled()
  }, 8_000)

  it("a message in many fragments counts as a whole against the limit", async () => {
    const arena = await startArena()
    const { socket, closed } = await openWelcomed(arena.url)
    for (let i = 0; i < 40 && socket.readyState === socket.OPEN; i++) {
      socket.send(Buffer.alloc(65_536, "a"), { fin: false, binary: false })
    }
    expect(await closed).toMatchObject({ status: 1009 })
    await arena.settled()
  })

  it("whoever asks without listening is let go before the hub's memory is full", async () => {
    const arena = await startArena({ limits: { maxMessagesPerSecond: Infinity } })
    const raw = await openWelcomed(arena.url)
    raw.socket.pause()
    const { socket } = raw
    let asked = 1
    socket.send("n1")
    const [, peer] = [...arena.hub.peers.values()]
    const gone = nextOf<unknown>((listener) => peer?.onClose(listener) ?? (() => {}))
    const flood = (): void => {
      if (socket.readyState !== socket.OPEN) return
      const batch = Array.from({ length: 500 }, () => `q${asked++}\techo\t"${"x".repeat(100)}"`)
      socket.send([...batch, ...Array.from({ length: 500 }, (_, n) => `p${n}`)].join("\n"), flood)
    }
    flood()
    let why: unknown
    void gone.then((closing) => {
      why = closing
    })
    // What it asks is worked on in slices, for which time has to pass.
    while (why === undefined) await arena.pass(1)
    expect(why).toMatchObject({ code: "buffer-full" })
    socket.terminate()
    await arena.settled()
  })
})
