import { readFileSync } from "node:fs"
import { type Channel, createChannel } from "everwire"
import { type Acceptor, createHub, type Door, type HttpExchange, type Hub, type HubOptions } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { CHANNEL_ACK } from "../../src/client/channel-session.ts"
import { AUTH_GRACE_MS, AUTH_LEAD_MS } from "../../src/server/admission/expiry.ts"
import { HELLO_DEADLINE_MS } from "../../src/server/admission/judges.ts"
import { HUB_ACK } from "../../src/server/settings.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import { Inbox } from "../../src/session/inbox.ts"
import type { Link, LinkSink } from "../../src/session/link.ts"
import { Session } from "../../src/session/session.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import { decodeBody, encodeBody } from "../../src/transports/http/envelope.ts"
import { sseAcceptor } from "../../src/transports/sse/acceptor.ts"
import { readClose, writeClose } from "../../src/transports/websocket/close-code.ts"
import { readOffer, writeOffer } from "../../src/transports/websocket/offer.ts"
import { type Batch, decodeBatch, encodeBatch, type Packet, sizeOf } from "../../src/wire/batch.ts"
import * as defaults from "../../src/wire/defaults.ts"
import { type Closing, closing } from "../../src/wire/errors.ts"
import * as features from "../../src/wire/features.ts"
import { cutPacket } from "../../src/wire/fragment.ts"
import { readCredentials, writeHello } from "../../src/wire/handshake.ts"
import { KINDS, type NumberedKind } from "../../src/wire/kinds.ts"
import { encodePacket, openPacket } from "../../src/wire/packet.ts"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"
import { type Story, stories } from "./stories.ts"

const document = readDocument("docs/protocol.md")

/** The document writes bytes as `{ "hex": "00ff" }`. */
type Written = string | { readonly hex: string }

function unwritten(written: Written): string | Uint8Array {
  return typeof written === "string" ? written : Uint8Array.from(Buffer.from(written.hex, "hex"))
}

/** The test vectors of the document that have this field. */
function vectors<Vector>(field: string): Vector[] {
  return document.blocks
    .filter(({ language }) => language === "json")
    .flatMap(({ text }) => JSON.parse(text) as Record<string, unknown>[])
    .filter((vector) => field in vector) as Vector[]
}

describe("the test vectors of docs/protocol.md", () => {
  const batches = vectors<{ packets: Written[]; batch: Written }>("packets")
  it.each(batches)("are what the codec makes of $packets, and reads back", ({ packets, batch }) => {
    expect(encodeBatch(packets.map(unwritten))).toEqual(unwritten(batch))
    expect(decodeBatch(unwritten(batch))).toEqual(packets.map(unwritten))
  })

  const packets = vectors<{ packet: Written; kind: NumberedKind; id: string; name: string; body: Written }>("packet")
  it.each(packets)("are read by the code: $packet", ({ packet, kind, id, name, body }) => {
    const opened = { kind, id, name, body: unwritten(body) }
    expect(openPacket(unwritten(packet))).toEqual(opened)
    const fields = [id, name].filter((field) => field !== "")
    expect(encodePacket(kind, fields, opened.body)).toEqual(unwritten(packet))
  })

  const cuts = vectors<{ whole: Written; units: number; parts: Written[] }>("whole")
  it.each(cuts)(
    "are what cutting $whole into parts of $units gives, and the parts join again",
    ({ whole, units, parts }) => {
      const packet = unwritten(whole)
      const cut: Packet[] = []
      for (let from = 0; from < sizeOf(packet); from += sizeOf(cut.at(-1) ?? "") - 1) {
        cut.push(cutPacket(packet, from, from + units))
      }
      expect(cut).toEqual(parts.map(unwritten))
      const inbox = new Inbox()
      const heard = cut.map((part) => inbox.join(1, inbox.part, part))
      expect(heard).toEqual([...cut.slice(1).map(() => undefined), packet])
    },
  )

  const credentials = vectors<{ credentials: string; question: number; auth?: unknown }>("credentials")
  it.each(credentials)("are read as credentials: $credentials", ({ credentials, question, auth }) => {
    expect(readCredentials(credentials)).toEqual({ question, auth })
  })

  const bodies = vectors<{ envelope: object; batches: Written[]; type: string; body: Written }>("envelope")
  it.each(bodies)("are the body that the transports write for $envelope", ({ envelope, batches, type, body }) => {
    const encoded = encodeBody(envelope, batches.map(unwritten))
    expect(encoded).toEqual(unwritten(body))
    const decoded = decodeBody(Buffer.from(encoded), type)
    expect(decoded.envelope).toEqual(envelope)
    expect(decoded.batch === undefined ? [] : decodeBatch(decoded.batch)).toEqual(
      batches.map(unwritten).flatMap(decodeBatch),
    )
  })

  const offers = vectors<{ first: string; offer: string[] }>("offer")
  it.each(offers)("are the subprotocols that offer $first in the handshake of a WebSocket", ({ first, offer }) => {
    expect(writeOffer(first)).toEqual(offer)
    expect(readOffer(offer.join(", "))).toBe(first)
  })

  const events = vectors<{ batch?: Written; close?: Closing; event: string }>("event")
  it.each(events)("are the event $event as the stream writes it", async ({ batch, close, event }) => {
    const { link, stream } = await openStream()
    if (batch !== undefined) link.send(unwritten(batch))
    if (close !== undefined) link.close(close)
    expect(stream.written).toBe(event)
  })
})

describe("the tables of docs/protocol.md", () => {
  it("name every kind of packet, which are numbered, who sends them, and which may be bytes", () => {
    const { rows } = tableUnder(document, "Kinds of packets", "kind", "title", "numbered", "direction", "bytes")
    const written = rows.map((row) => ({
      letter: cell(row, "kind"),
      title: cell(row, "title"),
      numbered: cell(row, "numbered") === "yes",
      direction: cell(row, "direction"),
      bytes: cell(row, "bytes") === "yes",
    }))
    expect(written).toEqual(KINDS)
  })

  it("give every kind a heading of its own", () => {
    for (const { letter, title } of KINDS) expect(document.prose).toContain(`${title} \`${letter}\``)
  })

  const { rows: numbers } = tableUnder(document, "Numbers", "name", "value", "file", "why")
  const named = numbers.map((row) => ({ name: cell(row, "name"), value: cell(row, "value"), file: cell(row, "file") }))

  it("have every figure as it is in the file that they name", () => {
    for (const { name, value, file } of named) {
      // Some of these constants are not exported, so the test reads them from the source.
      const source = readFileSync(`${root}src/${file}`, "utf8")
      const [constant, field] = name.split(".")
      const whole = new RegExp(`^(?:export )?const ${constant}(?:: [^=]+)? = (.+?)(?: as const)?$`, "m").exec(
        source,
      )?.[1]
      const figure = field === undefined ? whole : new RegExp(`\\b${field}: ([^,}]+?)[,\\s}]`).exec(`${whole}`)?.[1]
      expect(`${figure}`.replaceAll("_", ""), name).toBe(value.replaceAll("_", ""))
    }
  })

  it("have every figure that several rooms share", () => {
    const shared = named.filter(({ file }) => file === "wire/defaults.ts").map(({ name }) => name)
    expect(shared.sort()).toEqual(Object.keys(defaults).sort())
  })

  it("have the times of a question for credentials", () => {
    const { rows } = tableUnder(document, "credentials `u`", "name", "value", "why")
    const written = rows.map((row) => [cell(row, "name"), Number(cell(row, "value").replaceAll("_", ""))])
    expect(Object.fromEntries(written)).toEqual({ AUTH_LEAD_MS, AUTH_GRACE_MS })
  })

  it("have every feature, and no other", () => {
    const { rows } = tableUnder(document, "Features", "feature", "what is on")
    expect(rows.map((row) => cell(row, "feature"))).toEqual(Object.values(features).sort())
  })

  it("have every figure by which a sender measures its link, and no other", () => {
    const { rows } = tableUnder(document, "The window", "name", "value", "why")
    const written = rows.map((row) => [cell(row, "name"), cell(row, "value")])
    const sources = ["pace", "rate", "sending", "session", "watch"]
      .map((name) => readFileSync(`${root}src/session/${name}.ts`, "utf8"))
      .join("\n")
    // Most of these constants are not exported, so the test reads them from the source.
    const others = new Set<string | undefined>(named.map(({ name }) => name)) // which stand among the numbers
    const figures = [...sources.matchAll(/^(?:export )?const ([A-Z_]+) = ([\d_/ ]+)$/gm)]
      .map(([, name, value]) => [name, value])
      .filter(([name]) => !others.has(name))
    expect(figures.length).toBeGreaterThan(10)
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(figures))
  })

  it("give the close codes of a WebSocket as both halves use them", () => {
    const { rows } = tableUnder(document, "WebSocket", "close code", "meaning")
    expect(rows.map((row) => cell(row, "close code"))).toEqual(["4000", "4001", "1009", "any other, or none"])
    for (const retryable of [true, false]) {
      const why = closing("silent", "nothing was heard", retryable)
      const [number, reason] = writeClose(why)
      expect(number).toBe(retryable ? 4000 : 4001)
      expect(readClose(number, reason)).toEqual(why)
    }
    expect(readClose(1009, "").code).toBe("too-large")
    for (const number of [1000, 1001, 1006, 1011, 4002]) expect(readClose(number, "").code).toBe("network")
  })

  it.each(["hello", "welcome", "take", "bye"])("name every field of a %s that is sent", (title) => {
    const kind = KINDS.find((known) => known.title === title)?.letter ?? ""
    const packets = Object.values(stories).flatMap((play) => play().packets)
    const fields = packets
      .filter((packet): packet is string => typeof packet === "string" && packet.startsWith(kind))
      .flatMap((packet) => Object.keys(JSON.parse(packet.slice(1))))
    const heading = `${title} \`${kind}\``
    const section = document.text.slice(document.text.indexOf(`### ${heading}`)).split("\n## ")[0] ?? ""
    expect(fields).not.toEqual([])
    for (const field of fields) expect(section).toMatch(new RegExp(`[\`"]${field}[\`"]`))
  })
})

describe("the state tables of docs/protocol.md", () => {
  const events = ["say", "attach a link", "hear a batch", "the link is lost"] as const
  const silences = ["silence at the channel", "silence at the hub"] as const

  it.each(tableUnder(document, "A session", "state").rows)("move a session that is $state", (row) => {
    for (const event of [...events, ...silences, "end"] as const) {
      const runtime = createVirtualRuntime()
      const seat = event === "silence at the channel" ? CHANNEL_ACK : HUB_ACK
      const session = createSession(runtime, seat)
      const link = createLink()
      const state = cell(row, "state")
      if (state !== "dormant") session.attach(link, { heard: 0 })
      if (state === "ended") session.end()
      if (event === "say") session.say("mx\t")
      else if (event === "attach a link") session.attach(link, { heard: 0 })
      else if (event === "hear a batch") session.hear(link, ["n1", "mx\t"])
      else if (event === "the link is lost") session.linkLost(link)
      else if (event === "end") session.end()
      else runtime.advance(defaults.HEARTBEAT_TIMEOUT_MS)
      expect([event, stateOf(session)]).toEqual([event, cell(row, event)])
    }
  })

  it.each(tableUnder(document, "A link at the hub", "state", "event").rows)(
    "move a link at the hub that is $state when there is $event",
    async (row) => {
      const { state, bye } = await judge(cell(row, "state"), cell(row, "event"))
      expect({ state, bye }).toEqual({ state: cell(row, "next"), bye: cell(row, "bye") })
    },
  )

  it.each(tableUnder(document, "A channel", "status").rows)("move a channel that is $status", async (row) => {
    for (const event of ["a link carries the talk", "no link does", "close()"]) {
      const world = createWorld()
      await world.bring(cell(row, "status"))
      if (event === "a link carries the talk") world.heal()
      else if (event === "no link does") world.cut()
      else await world.channel.close()
      expect([event, world.channel.status]).toEqual([event, cell(row, event)])
    }
  })
})

describe("misuse in docs/protocol.md", () => {
  it.each(tableUnder(document, "The first batch of a link", "what", "batch", "bye").rows)(
    "ends a link whose first batch is $what",
    (row) => {
      const { said, sink } = openLink()
      sink.batch(unwritten(JSON.parse(cell(row, "batch")) as Written))
      expect(lastWord(said)).toEqual({
        code: cell(row, "bye"),
        retryable: !cell(row, "what").includes("not retryable"),
      })
    },
  )

  it.each(tableUnder(document, "On a link that was welcomed", "what", "batch", "bye").rows)(
    "ends a welcomed link that sends $what, and leaves the session",
    (row) => {
      const { said, sink, hub } = openLink()
      sink.batch(HELLO)
      expect(said[0]).toMatch(/^w/)
      sink.batch(unwritten(JSON.parse(cell(row, "batch")) as Written))
      expect(lastWord(said)).toEqual({ code: cell(row, "bye"), retryable: true })
      expect(hub.peers.size).toBe(1)
    },
  )

  it.each(tableUnder(document, "Over HTTP", "what", "request", "status", "code").rows)(
    "is answered $status for $what",
    async (row) => {
      const [method = "", path = "", body] = cell(row, "request").split(" ")
      const hub = createHub()
      const request = new Request(`http://hub.example${path}`, { method, ...(body !== undefined && { body }) })
      const answer = await hub.fetch(request)
      const bytes = new Uint8Array(await answer.arrayBuffer())
      const close =
        bytes.length > 0 ? decodeBody(bytes, answer.headers.get("content-type") ?? "").envelope.close : undefined
      expect([answer.status, close?.code ?? ""]).toEqual([Number(cell(row, "status")), cell(row, "code")])
      await hub.close()
    },
  )

  it("is answered only with statuses that the table of statuses names", () => {
    const known = new Set(tableUnder(document, "HTTP", "status", "when", "code").rows.map(({ status }) => status))
    for (const { status } of tableUnder(document, "Over HTTP", "what").rows) expect(known).toContain(status)
  })
})

describe("the stories of docs/protocol.md", () => {
  it.each(Object.entries(stories))("show the packets of %s as they are sent", (name, play: () => Story) => {
    const block = document.blocks.find(({ marks }) => marks.includes(`story=${name}`))
    expect(block?.text).toBe(play().text)
  })
})

// — what the tables are compared with —

const TOKEN = "a".repeat(22)
const FIELDS = { v: defaults.PROTOCOL_VERSION, id: TOKEN, key: TOKEN, heard: 0, acked: 0, turn: 1, holder: TOKEN }
const HELLO = writeHello(FIELDS)

interface RecordedLink extends Link {
  readonly said: Packet[]
  closedWith: Closing | undefined
}

function createLink(): RecordedLink {
  const said: Packet[] = []
  return {
    name: "recorded",
    bufferedBytes: 0,
    said,
    closedWith: undefined,
    send: (batch: Batch) => void said.push(...decodeBatch(batch)),
    close(why) {
      this.closedWith = why
    },
  }
}

/** A hub with one transport, and a link that the test has admitted through that transport's door. */
function openLink(options: HubOptions = {}): RecordedLink & { hub: Hub; sink: LinkSink; runtime: VirtualRuntime } {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const acceptor: Acceptor = {
    name: "recorded",
    open(given) {
      door = given
      return {}
    },
  }
  const hub = createHub({ runtime, ...options, transports: [acceptor] })
  const link = createLink()
  if (door === undefined) throw new Error("the hub opens its acceptors at once")
  const sink = door.admit(link, { transport: "recorded", address: undefined, header: () => undefined })
  return Object.assign(link, { hub, sink, runtime })
}

function lastWord(said: readonly Packet[]): Pick<Closing, "code" | "retryable"> {
  const last = String(said.at(-1))
  if (!last.startsWith("b")) throw new Error(`the hub did not say bye but ${last}`)
  const { code, retryable } = JSON.parse(last.slice(1)) as Closing
  return { code, retryable }
}

/** The state of a link at the hub after this event, and the code of its bye. */
async function judge(state: string, event: string): Promise<{ state: string; bye: string }> {
  let settle: (principal: { id: string } | null) => void = () => {}
  const verdict = new Promise<{ id: string } | null>((resolve) => {
    settle = resolve
  })
  const awaits = state === "judging" || event === "a hello that must be awaited"
  const link = openLink(awaits ? { authenticate: () => verdict } : {})
  if (state !== "waiting") link.sink.batch(HELLO)
  const tooMuch = "p1\n".repeat(defaults.MAX_HELLO_BYTES)
  switch (event) {
    case "a hello that need not be awaited":
    case "a hello that must be awaited":
      link.sink.batch(HELLO)
      break
    case "a batch without a hello":
      link.sink.batch("p1")
      break
    case "too much":
      link.sink.batch(tooMuch)
      break
    case "5 s pass":
      link.runtime.advance(HELLO_DEADLINE_MS)
      break
    case "the hello is accepted":
    case "the hello is refused":
      settle(event === "the hello is accepted" ? { id: "somebody" } : null)
      await verdict
      break
    default:
      throw new Error(`docs/protocol.md tells of an event that no test makes: ${event}`)
  }
  if (link.closedWith !== undefined) return { state: "closed", bye: lastWord(link.said).code }
  return { state: link.said.length > 0 ? "admitted" : awaits ? "judging" : "waiting", bye: "" }
}

function createSession(runtime: VirtualRuntime, seat: typeof HUB_ACK | typeof CHANNEL_ACK): Session {
  const ignore = (): void => {}
  return new Session(
    new Clockwork(runtime),
    { traffic: createTraffic(), deliver: ignore, control: ignore, doubted: ignore, silent: ignore, answered: ignore },
    {
      ...seat,
      heartbeatMs: defaults.HEARTBEAT_MS,
      heartbeatTimeoutMs: defaults.HEARTBEAT_TIMEOUT_MS,
      maxOutboxBytes: defaults.MAX_OUTBOX_BYTES,
    },
  )
}

function stateOf(session: Session): string {
  if (session.ended) return "ended"
  return session.link === undefined ? "dormant" : "live"
}

/** A hub and a channel on a network that can be cut and healed. */
function createWorld(): { channel: Channel; bring(status: string): Promise<void>; cut(): void; heal(): void } {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  createHub({ runtime, transports: [network.acceptor("wire")] })
  network.block("wire")
  const channel = createChannel("http://hub", { runtime, store: null, transports: [network.dialer("wire")] })
  const heal = (): void => {
    network.unblock("wire")
    runtime.advance(60_000)
  }
  const cut = (): void => {
    network.block("wire")
    network.cut()
    runtime.advance(60_000)
  }
  return {
    channel,
    heal,
    cut,
    async bring(status) {
      if (status === "open" || status === "reconnecting") heal()
      if (status === "reconnecting") cut()
      if (status === "closed") await channel.close()
      expect(channel.status).toBe(status)
    },
  }
}

/** An SSE stream, opened with its ticket, and the hub's end of its link. */
async function openStream(): Promise<{ link: Link; stream: { readonly written: string } }> {
  let link: Link | undefined
  const sink: LinkSink = { batch() {}, closed() {}, writable() {} }
  const runtime = createVirtualRuntime()
  const open = sseAcceptor().open({
    runtime,
    clockwork: new Clockwork(runtime),
    hub: "hub",
    maxBatchBytes: 1_000,
    holdMs: 1_000,
    admit(given) {
      link = given
      return sink
    },
  })
  let answer = ""
  const stream = { written: "" }
  const exchange = (method: string, ticket?: string): HttpExchange => ({
    method,
    path: "/everwire/sse",
    query: () => ticket,
    header: () => undefined,
    address: undefined,
    body: () => Promise.resolve(Buffer.from(encodeBody({ up: 1 }, ["h"]))),
    respond(_status, _headers, body) {
      answer = String(body)
    },
    stream: () => ({
      bufferedBytes: 0,
      write(text) {
        stream.written += text
      },
      end() {},
      onDrain() {},
    }),
    onAbort() {},
  })
  await open.exchange?.(exchange("POST"))
  const { envelope } = decodeBody(Buffer.from(answer), "text/plain")
  await open.exchange?.(exchange("GET", envelope.ticket))
  if (link === undefined) throw new Error("the acceptor admits a link for a hello")
  return { link, stream }
}
