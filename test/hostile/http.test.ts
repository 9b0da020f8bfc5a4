import { setImmediate as turn } from "node:timers/promises"
import { afterEach, describe, expect, it } from "vitest"
import { arrival, disposeAll } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { type Answer, ask, bodyOf, envelopeOf, hello, openTcp } from "./attack.ts"

afterEach(disposeAll)

const overHttp = ["sse", "long-poll", "short-poll"] as const

/** The headers of every answer to a bad request: no caching and no content sniffing. */
function expectRefusal(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.code }).toEqual({ status, code })
  expect(answer.headers["cache-control"]).toContain("no-store")
  expect(answer.headers["x-content-type-options"]).toBe("nosniff")
  expect(answer.body).not.toMatch(/at .*\.[jt]s|node:|Error:/)
}

/** Sends a hello and returns what the following requests need. */
async function greet(url: string, transport: string): Promise<{ link: string; ticket: string; answer: Answer }> {
  const polls = transport === "sse" ? {} : { poll: 1 }
  const answer = await ask(`${url}/${transport}`, { body: bodyOf({ up: 1, ...polls }, hello()) })
  const { link, ticket } = envelopeOf(answer) as { link: string; ticket: string }
  return { link, ticket, answer }
}

/** Returns what comes down on a link that has ended: the last packet is its closing. */
function lastWord(url: string, transport: string, { link, ticket }: { link: string; ticket: string }): Promise<Answer> {
  if (transport === "sse") return ask(`${url}/sse?ticket=${ticket}`, { method: "GET" })
  return ask(`${url}/${transport}`, { body: bodyOf({ link, poll: 2 }) })
}

describe.each(overHttp)("a first request over %s", (transport) => {
  it.each<[title: string, frame: string, code: string]>([
    ["garbage", "garbage", "protocol-error"],
    ["another version", hello({ v: 99 }), "version-unsupported"],
    ["a wrong id", hello({ id: "x" }), "protocol-error"],
    ["a session nobody knows", hello({ acked: 7 }), "session-unknown"],
    ["too large a hello", hello({ auth: "x".repeat(17_000) }), "too-large"],
  ])(
    "whose hello is %s is answered with the code and a bye at once, and leaves nothing at the hub",
    async (_, frame, code) => {
      const arena = await startArena()
      const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ up: 1, poll: 1 }, frame) })
      expectRefusal(answer, 200, code)
      const bye = answer.body.split("\n")[1] ?? ""
      expect(JSON.parse(bye.slice(1))).toMatchObject({ code, hub: arena.hub.id })
      const { link } = envelopeOf(answer)
      const again = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, poll: 2 }) })
      expectRefusal(again, 404, "link-unknown")
      await arena.settled()
    },
  )
})

describe.each(overHttp)("a later request over %s", (transport) => {
  it("that names a link of another transport is answered 404", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, transport)
    for (const other of overHttp.filter((name) => name !== transport)) {
      const answer = await ask(`${arena.url}/${other}`, { body: bodyOf({ link, up: 2 }, "a0") })
      expectRefusal(answer, 404, "link-unknown")
    }
    await arena.settled()
  })

  it("whose upload number is beyond those that may be in flight ends the link with protocol-error", async () => {
    const arena = await startArena()
    arena.hub.on("skipped", () => expect.unreachable())
    const { link } = await greet(arena.url, transport)
    const early = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 4 }, "n1\nmskipped\t1") })
    expect({ status: early.status, code: early.code }).toEqual({ status: 200, code: undefined })
    const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 5 }, "n1\nmskipped\t1") })
    expectRefusal(answer, 200, "protocol-error")
    await arena.settled()
  })

  it("whose upload skips a number before the welcome ends the link: a stranger cannot store bodies here", async () => {
    let judge = (): void => {}
    const judged = new Promise<{ id: string }>((resolve) => {
      judge = () => resolve({ id: "somebody" })
    })
    let hellos = 0
    // The first hello is that of the healthy peer.
    const arena = await startArena({ authenticate: () => (hellos++ === 0 ? { id: "healthy" } : judged) })
    const first = ask(`${arena.url}/sse`, { body: bodyOf({ up: 1 }, hello()) })
    const { link } = envelopeOf(await first)
    const answer = await ask(`${arena.url}/sse`, { body: bodyOf({ link, up: 3 }, "a0") })
    expectRefusal(answer, 200, "protocol-error")
    judge()
    await arena.settled()
  })

  it("whose uploads arrive in another order are heard in the order of their numbers, each once", async () => {
    const arena = await startArena()
    const heard: unknown[] = []
    arena.hub.on("n", (data) => heard.push(data))
    const { link } = await greet(arena.url, transport)
    const upload = (up: number, number = up - 1): Promise<Answer> =>
      ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up }, `n${number}\nmn\t${number}`) })
    // An upload that came early is not replaced by a later one with the same number.
    for (const body of [upload(4), upload(3), upload(4, 99)]) expect((await body).status).toBe(200)
    expect(heard).toEqual([])
    await upload(2)
    expect(heard).toEqual([1, 2, 3])
    await upload(6)
    await upload(3)
    await upload(5)
    expect(heard).toEqual([1, 2, 3, 4, 5])
    await arena.settled()
  })

  it("that is repeated is answered again and not heard twice", async () => {
    const arena = await startArena()
    const heard: unknown[] = []
    arena.hub.on("once", (data) => heard.push(data))
    const { link } = await greet(arena.url, transport)
    const body = bodyOf({ link, up: 2 }, "n1\nmonce\t1")
    const answers = [
      await ask(`${arena.url}/${transport}`, { body }),
      await ask(`${arena.url}/${transport}`, { body }),
      await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 1 }, "n1\nmonce\t1") }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(heard).toEqual([1])
    await arena.settled()
  })

  it("after the link has ended is not heard any more", async () => {
    const arena = await startArena()
    arena.hub.on("late", () => expect.unreachable())
    const greeted = await greet(arena.url, transport)
    const { link } = greeted
    await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 2 }, "z") })
    const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 3 }, "n1\nmlate\t1") })
    expect(answer.status).toBe(200)
    expectRefusal(await lastWord(arena.url, transport, greeted), 200, "protocol-error")
    await arena.settled()
  })
})

describe.each(overHttp)("a link over %s", (transport) => {
  it("that sends many requests and reads no answer does not fill the hub's memory", async () => {
    const arena = await startArena({ limits: { maxMessagesPerSecond: Infinity } })
    const greeted = await greet(arena.url, transport)
    // As many requests as a batch may hold, with answers of the maximum length.
    const probes = Array.from({ length: 60_000 }, () => "p9007199254740991").join("\n")
    for (let up = 2; up < 14; up++) {
      let answer: Answer | undefined
      void ask(`${arena.url}/${transport}`, { body: bodyOf({ link: greeted.link, up }, probes) }).then((came) => {
        answer = came
      })
      // The batch is heard in slices, and the upload is answered after all of it was heard.
      while (answer === undefined) await arena.pass(1)
      expect(answer).toMatchObject({ status: 200 })
    }
    const waiting = await lastWord(arena.url, transport, greeted)
    expect(waiting.body.length).toBeLessThan(12 * 1_048_576)
    await arena.settled()
  })
})

describe.each(["long-poll", "short-poll"])("a poll over %s", (transport) => {
  it("that is repeated brings the same answer again", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, transport)
    const url = `${arena.url}/${transport}`
    const answer = await ask(url, { body: bodyOf({ link, up: 2, poll: 2 }, "p77") })
    const again = await ask(url, { body: bodyOf({ link, poll: 2 }) })
    expect(answer.body).toContain(",77")
    expect(again.body.split("\n").slice(1)).toEqual(answer.body.split("\n").slice(1))
    expect(envelopeOf(again)).toMatchObject({ link, poll: 2 })
    await arena.settled()
  })
})

describe.each(["long-poll", "short-poll"])("a poll over %s without a body", (transport) => {
  it("is served by the envelope in its header, and a body that comes with it is ignored", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, transport)
    const probed = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 2, poll: 2 }, "p7") })
    expect(probed.body).toContain("a0,7")
    const headers = { everwire: bodyOf({ link, poll: 2 }) }
    for (const body of ["", bodyOf({ link, up: 3, poll: 9 }, "p8")]) {
      const again = await ask(`${arena.url}/${transport}`, { headers, body })
      expect(again.body).toContain("a0,7")
      expect(envelopeOf(again)).toMatchObject({ link, poll: 2 })
    }
    await arena.settled()
  })

  it("of an unknown link is answered 404", async () => {
    const arena = await startArena()
    const headers = { everwire: bodyOf({ link: "nobody", poll: 2 }) }
    expectRefusal(await ask(`${arena.url}/${transport}`, { headers }), 404, "link-unknown")
    await arena.settled()
  })
})

describe("a held poll", () => {
  it("that is repeated is answered twice, and the first answer is empty", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, "long-poll")
    const taken = arrival(arena.server)
    const first = ask(`${arena.url}/long-poll`, { body: bodyOf({ link, poll: 2 }) })
    await taken
    await arena.pass(1)
    const second = ask(`${arena.url}/long-poll`, { body: bodyOf({ link, poll: 2 }) })
    expect((await first).body.split("\n")).toHaveLength(1)
    await arena.pass(25_000)
    expect((await second).status).toBe(200)
    await arena.settled()
  })

  it("whose client has gone leaves nothing", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, "long-poll")
    const taken = arrival(arena.server)
    const { socket } = await openTcp(arena.port)
    const body = bodyOf({ link, poll: 2 })
    socket.write(`POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await taken
    socket.resetAndDestroy()
    await arena.settled()
  })
})

describe("the stream of sse", () => {
  it("is opened once by its ticket: 204 to a second client, or with an invented ticket", async () => {
    const arena = await startArena()
    const { ticket } = await greet(arena.url, "sse")
    const { socket, text } = await openTcp(arena.port)
    const welcomed = new Promise<void>((resolve) => {
      socket.on("data", () => text().includes("data:w{") && resolve())
    })
    socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await welcomed
    expect(text()).toMatch(/^HTTP\/1.1 200/)
    for (const other of [ticket, "nonsense", "", "__proto__"]) {
      const answer = await ask(`${arena.url}/sse?ticket=${other}`, { method: "GET" })
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 204, body: "" })
      expect(answer.headers["cache-control"]).toContain("no-store")
    }
    expect((await ask(`${arena.url}/sse`, { method: "GET" })).status).toBe(204)
    socket.destroy()
    await arena.settled()
  })

  it("that is never opened leaves neither its ticket nor its packets at the hub", async () => {
    const arena = await startArena()
    const { ticket } = await greet(arena.url, "sse")
    await arena.pass(120_000)
    expect((await ask(`${arena.url}/sse?ticket=${ticket}`, { method: "GET" })).status).toBe(204)
    await arena.settled()
  })

  it("of a link that ended before still brings the closing", async () => {
    const arena = await startArena()
    const { link, ticket } = await greet(arena.url, "sse")
    await ask(`${arena.url}/sse`, { body: bodyOf({ link, up: 2 }, "z") })
    const answer = await ask(`${arena.url}/sse?ticket=${ticket}`, { method: "GET" })
    expect(answer.status).toBe(200)
    expect(answer.body).toContain("data:w{")
    expect(answer.body).toContain('data:b{"code":"protocol-error"')
    await arena.settled()
  })

  it("escapes line separators in names and texts, so that no field can be injected", async () => {
    const arena = await startArena()
    arena.hub.onPeer((peer) => peer.send("x", "a\r\n\r\nevent: evil\rdata: evil\nid: 1\u2028"))
    const { ticket } = await greet(arena.url, "sse")
    const { socket, text } = await openTcp(arena.port)
    const came = new Promise<void>((resolve) => socket.on("data", () => text().includes("evil") && resolve()))
    socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await came
    const [, ...stream] = text().split("\r\n\r\n")
    const lines = stream.join("").split(/\r\n|\n|\r/)
    expect(lines.filter((line) => /^(event|id|retry)/.test(line))).toEqual([])
    socket.destroy()
    await arena.settled()
  })
})

describe("the answer to an upload", () => {
  it.each(overHttp)(
    "acknowledges its packets, on %s where it fetches nothing, and so does the answer to its repetition",
    async (transport) => {
      const arena = await startArena()
      const { link } = await greet(arena.url, transport)
      const upload = (): Promise<Answer> =>
        ask(`${arena.url}/${transport}`, { body: bodyOf({ link, up: 2 }, 'n1\nmup\t"one"\nmup\t"two"') })
      for (const answer of [await upload(), await upload()]) {
        expect(envelopeOf(answer)).toEqual({ link, up: 2 })
        expect(answer.body.split("\n").slice(1)).toEqual(["a2"])
      }
      await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, close: { code: "closed", reason: "" } }) })
      await arena.settled()
    },
  )
})

describe("a stream of sse on a connection of HTTP/1", () => {
  /** Joins the chunks of a body (RFC 9112, section 7.1). */
  function unchunk(text: string): { body: string; ended: boolean } {
    let body = ""
    for (let rest = text; ; ) {
      const [size = ""] = rest.split("\r\n", 1)
      const start = size.length + 2
      const bytes = Number.parseInt(size, 16)
      if (bytes === 0) return { body, ended: rest.slice(start) === "\r\n" }
      if (Number.isNaN(bytes) || rest.length < start + bytes + 2) return { body, ended: false }
      expect(rest.slice(start + bytes, start + bytes + 2)).toBe("\r\n")
      body += rest.slice(start, start + bytes)
      rest = rest.slice(start + bytes + 2)
    }
  }

  /** Opens a stream on the connection, after the requests sent before it, and waits until `mark` arrives. */
  async function streamed(
    port: number,
    before: string,
    ticket: string,
    version: string,
    mark: string,
  ): Promise<string> {
    const { socket, text } = await openTcp(port)
    const came = new Promise<void>((resolve) => socket.on("data", () => text().includes(mark) && resolve()))
    socket.write(`${before}GET /everwire/sse?ticket=${ticket} HTTP/${version}\r\nHost: x\r\n\r\n`)
    await came
    socket.destroy()
    return text().slice(text().lastIndexOf("HTTP/1.1 200"))
  }

  it("comes in chunks that are counted in bytes, whatever characters they hold", async () => {
    const arena = await startArena()
    arena.hub.onPeer((peer) => peer.send("x", "\u00fc\u20ac end"))
    const { ticket } = await greet(arena.url, "sse")
    const [head = "", ...rest] = (await streamed(arena.port, "", ticket, "1.1", "end")).split("\r\n\r\n")
    expect(head).toMatch(/transfer-encoding: chunked/i)
    const { body } = unchunk(rest.join("\r\n\r\n"))
    expect(Buffer.from(body, "latin1").toString()).toMatch(/^data:w\{.*\n\ndata:n1\ndata:mx\t"\u00fc\u20ac end"\n\n$/)
    await arena.settled()
  })

  it("has no chunks in HTTP/1.0", async () => {
    const arena = await startArena()
    const { ticket } = await greet(arena.url, "sse")
    const [head = "", body = ""] = (await streamed(arena.port, "", ticket, "1.0", "data:w{")).split("\r\n\r\n")
    expect(head).not.toMatch(/chunked/i)
    expect(body).toMatch(/^data:w\{/)
    await arena.settled()
  })

  it("waits for its turn after a request that was pipelined before it", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, "long-poll")
    const poll = bodyOf({ link, poll: 2 })
    const before = `POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${poll.length}\r\n\r\n${poll}`
    const { ticket } = await greet(arena.url, "sse")
    const peers = [...arena.hub.peers.values()]
    const stream = streamed(arena.port, before, ticket, "1.1", "data:w{")
    const taken = arrival(arena.server, ({ method }) => method === "GET")
    await taken
    for (const peer of peers) peer.send("x", "the poll is over")
    const [head = "", ...rest] = (await stream).split("\r\n\r\n")
    expect(head).toMatch(/text\/event-stream/)
    expect(unchunk(rest.join("\r\n\r\n")).body).toMatch(/^data:w\{/)
    await arena.settled()
  })

  it("ends as a chunked body ends, and its connection ends too", async () => {
    const arena = await startArena()
    const { link, ticket } = await greet(arena.url, "sse")
    const { socket, text, received } = await openTcp(arena.port)
    const welcomed = new Promise<void>((resolve) => {
      socket.on("data", () => text().includes("data:w{") && resolve())
    })
    socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await welcomed
    await ask(`${arena.url}/sse`, { body: bodyOf({ link, up: 2 }, "z") })
    const [head = "", ...stream] = (await received).split("\r\n\r\n")
    expect(head).toMatch(/^connection: close$/im)
    expect(unchunk(stream.join("\r\n\r\n"))).toMatchObject({ ended: true })
    await arena.settled()
  })
})

describe("methods and paths", () => {
  it.each(["PUT", "DELETE", "PATCH", "HEAD"])("%s is answered 405 on every transport", async (method) => {
    const arena = await startArena()
    for (const transport of overHttp) {
      const answer = await ask(`${arena.url}/${transport}`, { method, ...(method !== "HEAD" && { body: "x" }) })
      expect(answer.status).toBe(405)
    }
    expect((await ask(`${arena.url}/long-poll`, { method: "GET" })).status).toBe(405)
    await arena.settled()
  })

  it("an unknown transport is answered 404, WebSocket without an upgrade 426, another path is not the hub's", async () => {
    const arena = await startArena()
    for (const name of ["pigeon", "constructor", "__proto__", "%00", "..%2fsse"]) {
      expectRefusal(await ask(`${arena.url}/${name}`, { body: "" }), 404, "refused")
    }
    expectRefusal(await ask(`${arena.url}/websocket`, { body: "" }), 426, "refused")
    const foreign = await ask(`${arena.url}x/sse`, { body: "" })
    expect({ status: foreign.status, body: foreign.body }).toEqual({ status: 404, body: "" })
    await arena.settled()
  })

  it.each([
    ["on the route of sse", "sse", {}, 404],
    ["on the route of a transport nobody offers", "pigeon", {}, 404],
    ["on a path that is not the hub's", "../elsewhere", {}, 404],
    ["without a key", "websocket", { "Sec-WebSocket-Key": "" }, 400],
    ["of a version nobody speaks", "websocket", { "Sec-WebSocket-Version": "7" }, 400],
    ["with a method that is not GET", "websocket", { method: "POST" }, 405],
    // The hub's server answers it as a plain request, as Node does where nobody listens to upgrades.
    ["to something else", "websocket", { Upgrade: "h2c" }, 426],
  ])(
    "an upgrade %s is refused, and the connection closed even if the client keeps it open",
    async (_, route, wrong, status) => {
      const arena = await startArena()
      const { method = "GET", ...headers } = {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        ...(wrong as Record<string, string>), // Headers by name, and in some rows the method.
      } as Record<string, string>
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      const { socket, received } = await openTcp(arena.port)
      socket.allowHalfOpen = true
      socket.write(`${method} /everwire/${route} HTTP/1.1\r\nHost: x\r\n${lines.join("\r\n")}\r\n\r\n`)
      expect(await received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      await arena.settled()
    },
  )
})

describe("bodies", () => {
  const MIB = 1_048_576

  it.each(overHttp)(
    "that are too large are answered 413 over %s, whether their length is declared or not",
    async (transport) => {
      const arena = await startArena()
      const url = `${arena.url}/${transport}`
      const body = Buffer.alloc(10 * MIB, "x")
      expectRefusal(await ask(url, { body, headers: { "content-length": String(body.length) } }), 413, "too-large")
      expectRefusal(await ask(url, { body, headers: { "transfer-encoding": "chunked" } }), 413, "too-large")
      await arena.settled()
    },
  )

  it.each(overHttp)(
    "that come in chunks of one byte are answered 400 over %s, and not read to their end",
    async (transport) => {
      const arena = await startArena()
      const { socket, received, text } = await openTcp(arena.port)
      socket.write(`POST /everwire/${transport} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
      const chunks = "1\r\nx\r\n".repeat(1_000)
      socket.write(chunks)
      while (text() === "") await arena.pass(1)
      // Of what still comes, each chunk counts as 1 KiB: 16 MiB are listened to.
      for (let n = 0; n < 40 && !socket.destroyed; n++) await new Promise((done) => socket.write(chunks, done))
      expect(await received).toMatch(/^HTTP\/1\.1 400 .*"protocol-error"/s)
      await arena.settled()
    },
  )

  it("that are too large are answered even when the client writes everything before it reads", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.pause()
    socket.write(`POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
    await new Promise((resolve) => socket.write(Buffer.alloc(8 * MIB, "x"), resolve))
    socket.resume()
    expect(await received).toMatch(/^HTTP\/1.1 413 /)
    await arena.settled()
  })

  it("that never end are answered 408 after 15 s, and the connection is closed", async () => {
    const arena = await startArena()
    for (const head of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) {
      const { socket, received } = await openTcp(arena.port)
      const taken = arrival(arena.server)
      socket.write(`POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n4\r\n@{}`)
      await taken
      await turn() // The deadline counts from the moment when the parser has read past the head.
      await arena.pass(16_000)
      // The hub keeps reading for another moment, so that the client can read the answer.
      await arena.pass(3_000)
      const text = await received
      expect(text).toMatch(/^HTTP\/1.1 408 /)
      expect(text).toContain('"code":"timeout"')
      expect(text).toMatch(/cache-control: no-store/i)
    }
    await arena.settled()
  })

  it("that drip are answered 408: less than 1 KiB in 15 s is too little progress", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    const taken = arrival(arena.server)
    socket.write("POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n@{}")
    await taken
    await turn()
    for (let n = 0; n < 15; n++) {
      socket.write("x")
      await arena.pass(1_000)
    }
    await arena.pass(4_000)
    expect(await received).toMatch(/^HTTP\/1.1 408 /)
    await arena.settled()
  })

  it("that make progress may take long", async () => {
    const arena = await startArena()
    // The body of the hello itself drips: any later link would be ended for its silence.
    const body = bodyOf({ up: 1, poll: 1 }, hello({ auth: "x".repeat(8_000) }))
    const { socket, text } = await openTcp(arena.port)
    const request = arrival(arena.server)
    socket.write(`POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
    const answered = new Promise((resolve) => socket.once("data", resolve))
    const incoming = await request
    await turn()
    for (let at = 0; at < body.length; at += 1_100) {
      if (at > 0) await arena.pass(14_000)
      const came = new Promise((resolve) => incoming.once("data", resolve))
      socket.write(body.slice(at, at + 1_100))
      await came
    }
    await answered
    expect(text()).toMatch(/^HTTP\/1.1 200 /)
    expect(text()).toContain("\nw{")
    socket.destroy()
    await arena.settled()
  })

  it("that break off leave nothing, and no packet of them is heard", async () => {
    const arena = await startArena()
    const taken = arrival(arena.server)
    const { socket } = await openTcp(arena.port)
    socket.write(`POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n${bodyOf({ up: 1 }, hello())}`)
    await taken
    socket.resetAndDestroy()
    await arena.settled()
    expect(arena.hub.peers.size).toBe(1)
  })

  it("that are longer than their declared length are answered, and the connection is closed", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.write('POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n@{"up":1}\nh{}')
    expect(await received).toMatch(/^HTTP\/1.1 400 /)
    await arena.settled()
  })

  it("with 2 000 headers, or with headers of 100 KB, are answered", async () => {
    const arena = await startArena()
    const many = Array.from({ length: 2_000 }, (_, n) => `a${n}: b`).join("\r\n")
    for (const headers of [many, `x: ${"y".repeat(100_000)}`]) {
      const { socket, received, text } = await openTcp(arena.port)
      const answered = new Promise((resolve) => socket.once("data", resolve))
      socket.write(`POST /everwire/sse HTTP/1.1\r\nHost: x\r\n${headers}\r\nContent-Length: 0\r\n\r\n`)
      await answered
      expect(text()).toMatch(/^HTTP\/1.1 (400|431) /)
      socket.end()
      await received
    }
    await arena.settled()
  })

  it("of a hundred requests at once on one connection are answered one after the other", async () => {
    const arena = await startArena()
    const heard: unknown[] = []
    arena.hub.on("n", (data) => heard.push(data))
    const { link } = await greet(arena.url, "sse")
    const { socket, text } = await openTcp(arena.port)
    const all = new Promise<void>((resolve) => {
      socket.on("data", () => text().match(/HTTP\/1.1 200/g)?.length === 100 && resolve())
    })
    const requests = Array.from({ length: 100 }, (_, n) => {
      const body = bodyOf({ link, up: n + 2 }, `n${n + 1}\nmn\t${n}`)
      return `POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    })
    socket.write(requests.join(""))
    await all
    expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => n))
    socket.destroy()
    await arena.settled()
  })

  it("of more than 128 requests in one chunk of a connection are refused with rate-limited, and the connection ends", async () => {
    const arena = await startArena()
    const { link } = await greet(arena.url, "long-poll")
    const { socket, received } = await openTcp(arena.port)
    const requests = Array.from({ length: 400 }, (_, n) => {
      const body = bodyOf({ link, up: n + 2 }, n === 0 ? "n1\nmn\t1" : "mn\t1")
      return `POST /everwire/long-poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }).join("")
    expect(requests.length).toBeLessThan(65_536)
    socket.write(requests)
    const answers = (await received).split("HTTP/1.1 ").slice(1)
    expect(answers.filter((answer) => answer.startsWith("200"))).toHaveLength(128)
    expect(answers.slice(128)).toEqual([expect.stringMatching(/^429 .*"rate-limited"/s)])
    await arena.settled()
  })

  it("of a request that is refused at once are not parsed as the next request", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    const inner = "POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n@{"
    socket.write(
      `POST /everwire/sse HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nContent-Length: 1000\r\n\r\n${inner}`,
    )
    await new Promise((resolve) => socket.once("data", resolve))
    await arena.pass(3_000)
    expect((await received).match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 403"])
    await arena.settled()
  })
})
