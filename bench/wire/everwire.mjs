import { randomBytes } from "node:crypto"
import { countOf } from "../payload.mjs"
import { BEAT_MS } from "../peers/settings.mjs"
import { RawHttp } from "./http.mjs"
import { RawWebSocket } from "./websocket.mjs"

// docs/protocol.md, "Numbers": the counts and times after which a channel owes an ack.
const ACK_PACKETS = 256
const ACK_BYTES = 65_536
const ACK_MS = 5_000
const UNACKNOWLEDGED_MS = 2_000
/** Over HTTP, an ack is owed after this many times as many packets and bytes. */
const EXCHANGE_ACKS = 4

function token() {
  return randomBytes(18).toString("base64url")
}

/**
 * The channel's side of the protocol (docs/protocol.md), as far as a link that never breaks needs it: hello, position,
 * counting, acks by number, bytes and time, and the pulse. `carry` is called with each batch to send up.
 */
class Seat {
  /** What tells this session from others. */
  #names = { id: token(), key: token(), holder: token() }
  #carry
  #hear
  #least
  #heard = 0
  #owed = 0
  #owedBytes = 0
  #token = 0
  #positioned = false
  #spokeAt = Date.now()
  #owedSince = Number.POSITIVE_INFINITY
  /**
   * Since when a sent packet waits for a probe. Acks in answers to uploads do not count: they do not test the way down.
   */
  #waitsSince = Number.POSITIVE_INFINITY

  /** `least`: how many times what an ack is owed for on a WebSocket makes one go alone. */
  constructor(carry, hear, least = 1) {
    this.#carry = carry
    this.#hear = hear
    this.#least = least
  }

  /** Called when the link is open: acks and beats that are due by the clock are sent from now on. */
  begin() {
    seats.add(this)
  }

  /** `hub`: the id of the hub that has welcomed this session. Only before the first message. */
  hello(hub) {
    return `h${JSON.stringify({ v: 1, ...this.#names, heard: 0, acked: 0, turn: hub === undefined ? 1 : 2, hub })}`
  }

  /** Takes in a batch, or lines of a stream. `mark` is the text in front of each message. */
  hear(bytes, mark) {
    // Lines of a stream, and a batch that begins with a message, need no more than this.
    const messages = countOf(bytes, mark) + (bytes[0] === 109 ? 1 : 0)
    this.#heard += messages
    this.#owed += messages
    this.#owedBytes += bytes.length
    for (const token of probesOf(bytes, `${mark.slice(0, -1)}p`)) this.#say(`${this.#ack()},${token},0`)
    if (messages > 0 && this.#owed === messages) this.#owedSince = Date.now()
    if (this.#owed >= this.#least * ACK_PACKETS || this.#owedBytes >= this.#least * ACK_BYTES) this.#say(this.#ack())
    this.#hear(bytes)
  }

  say(name, payloads) {
    const packets = payloads.map((data) => `m${name}\t${JSON.stringify(data)}`)
    if (!this.#positioned) packets.unshift("n1")
    this.#positioned = true
    if (2 * this.#owed >= this.#least * ACK_PACKETS) packets.unshift(this.#ack())
    if (this.#least > 1) this.#waitsSince = Math.min(this.#waitsSince, Date.now())
    return this.#say(packets.join("\n"))
  }

  /** Called at intervals: sends the acks and beats that are due by the clock. */
  tick(now) {
    const isDue = now - this.#owedSince >= ACK_MS || now - this.#spokeAt >= BEAT_MS
    if (!isDue && now - this.#waitsSince < UNACKNOWLEDGED_MS) return
    this.#waitsSince = Number.POSITIVE_INFINITY
    this.#say(`${this.#ack()}\np${++this.#token}`)
  }

  close() {
    seats.delete(this)
    return `b${JSON.stringify({ code: "closed", reason: "the channel was closed", retryable: false })}`
  }

  #ack() {
    this.#owed = 0
    this.#owedBytes = 0
    this.#owedSince = Number.POSITIVE_INFINITY
    return `a${this.#heard}`
  }

  #say(batch) {
    this.#spokeAt = Date.now()
    return this.#carry(batch)
  }
}

/**
 * The tokens of the probes in these bytes, each of which must be answered. `mark` is the text before all but the first.
 */
function* probesOf(bytes, mark) {
  let at = bytes.indexOf(mark.slice(1)) === 0 ? -1 : bytes.indexOf(mark)
  while (at >= 0 || bytes.indexOf(mark.slice(1)) === 0) {
    const from = at + mark.length
    yield Number.parseInt(bytes.toString("latin1", from, from + 16), 10)
    at = bytes.indexOf(mark, from)
    if (at < 0) return
  }
}

/** One timer for all links. */
const seats = new Set()
setInterval(() => {
  const now = Date.now()
  for (const seat of seats) seat.tick(now)
}, 250).unref()

/** Opens an everwire link to a hub over plain sockets. */
export function openEverwire(options) {
  if (options.transport === "websocket") return openSocket(options)
  return options.transport === "sse" ? openStream(options) : openPolls(options)
}

/** `via`: the port of another process of the cluster, over which the session goes once the first one has begun it. */
async function openSocket({ port, via, hear }) {
  const seat = new Seat((batch) => socket.send(batch), hear)
  let socket
  const reach = async (port, hub) => {
    let welcomed
    const welcome = new Promise((resolve) => {
      welcomed = resolve
    })
    socket = await RawWebSocket.open(port, "/everwire/websocket", {
      // The hello goes with the upgrade request.
      protocols: ["everwire", encodeURIComponent(seat.hello(hub))],
      onFrame(batch) {
        welcomed(batch.toString())
        seat.hear(batch, "\nm")
      },
    })
    return await welcome
  }
  const [packet] = (await reach(port)).split("\n")
  if (packet[0] !== "w") throw new Error(`not welcomed: ${packet}`)
  if (via !== undefined) {
    const former = socket
    await reach(via, JSON.parse(packet.slice(1)).hub)
    former.close()
  }
  seat.begin()
  return {
    say: (name, payloads) => seat.say(name, payloads),
    sockets: [socket.socket],
    close() {
      socket.send(seat.close())
      socket.close()
    },
  }
}

/** The uploads of an HTTP link: one at a time. Packets sent meanwhile go in the next upload. */
class Uploads {
  #http
  #path
  #link
  #up = 1
  #queue = []
  #busy = false

  constructor(http, path, link) {
    this.#http = http
    this.#path = path
    this.#link = link
  }

  async carry(batch) {
    this.#queue.push(batch)
    if (this.#busy) return
    this.#busy = true
    while (this.#queue.length > 0) {
      const envelope = JSON.stringify({ link: this.#link, up: ++this.#up })
      await this.#http.request("POST", this.#path, `@${envelope}\n${this.#queue.splice(0).join("\n")}`)
    }
    this.#busy = false
  }
}

async function openStream({ port, hear }) {
  const path = "/everwire/sse"
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  let uploads
  const seat = new Seat((batch) => uploads.carry(batch), hear, EXCHANGE_ACKS)
  const { link, ticket } = envelopeOf(await up.request("POST", path, `@{"up":1}\n${seat.hello()}`))
  uploads = new Uploads(up, path, link)
  await new Promise((resolve) =>
    down.stream(`${path}?ticket=${ticket}`, (lines) => {
      seat.hear(lines, "\ndata:m")
      resolve()
    }),
  )
  return httpWire(seat, uploads, up, down)
}

async function openPolls({ port, hear }) {
  const path = "/everwire/long-poll"
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  let uploads
  const seat = new Seat((batch) => uploads.carry(batch), hear, EXCHANGE_ACKS)
  const welcome = await down.request("POST", path, `@{"up":1,"poll":1}\n${seat.hello()}`)
  const { link } = envelopeOf(welcome)
  uploads = new Uploads(up, path, link)
  seat.hear(welcome, "\nm")
  const poll = async () => {
    for (let n = 2; !down.socket.destroyed; n++) {
      // Polls without a body, as a channel on Node does.
      seat.hear(await down.request("POST", path, "", `Everwire: @{"link":"${link}","poll":${n}}\r\n`), "\nm")
    }
  }
  poll().catch(() => {})
  return httpWire(seat, uploads, up, down)
}

function httpWire(seat, uploads, up, down) {
  seat.begin()
  return {
    say: (name, payloads) => seat.say(name, payloads),
    sockets: [up.socket, down.socket],
    async close() {
      await uploads.carry(seat.close()).catch(() => {})
      up.close()
      down.close()
    },
  }
}

function envelopeOf(body) {
  const [line] = body.toString().split("\n")
  return JSON.parse(line.slice(1))
}
