// The least that a session costs: a minimal hub that speaks the protocol (docs/protocol.md). It numbers its packets and
// keeps them until they are acknowledged, counts and acknowledges those it hears, sends beats, and ends a session at a
// bye. The clients are everwire's. It is not a hub to use: it cannot resume, refuse, limit or authenticate, it has one
// link per session and one transport per server, and a protocol error crashes it.
import { randomBytes } from "node:crypto"
import { Sender, WebSocketServer } from "ws"
import { BEAT_MS } from "./settings.mjs"

export { connect, openWire } from "./everwire.mjs"
export const transports = ["websocket", "long-poll"]

// docs/protocol.md, "Numbers".
const ACK_MS = 250
const ACK_PACKETS = 256
/** Bytes that a kept packet counts for in addition to its length. */
const OVERHEAD_BYTES = 64

export function serve({ server, application, transport }) {
  const sessions = new Map()
  /** Sessions that have packets to send at the end of this tick, and sessions that owe an ack. */
  const spoken = []
  const owing = []
  const ends = { sessions, spoken, owing, application }
  if (transport === "websocket") acceptSockets(server, ends)
  else acceptPolls(server, ends)
  setInterval(() => {
    for (const session of sessions.values()) session.beat()
  }, BEAT_MS).unref()
  return {
    send: (session, name, data) => session.say(encode(name, data)),
    broadcast(name, data) {
      const packet = encode(name, data)
      for (const session of sessions.values()) session.say(packet)
    },
  }
}

class Session {
  /** Packets that are not acknowledged, and their total in bytes. */
  #kept = []
  bytes = 0
  #acked = 0
  /** Number of the kept packets that the link was given. */
  #sent = 0
  /** Unnumbered packets that go first in the next batch. */
  #leading
  #speaks = false
  #heard = 0
  #owed = 0
  #token = 0
  heardAt = Date.now()
  #link
  #ends

  constructor(link, ends, hello) {
    this.#link = link
    this.#ends = ends
    const { id, key } = JSON.parse(hello.slice(1))
    this.id = id
    this.key = key
    const welcome = {
      v: 1,
      peer: token(),
      hub: HUB,
      heard: 0,
      attached: true,
      resumed: false,
      speakMs: BEAT_MS,
      patienceMs: 2 * BEAT_MS,
      resumeMs: 0,
      maxPayloadBytes: 1_048_576,
    }
    this.#leading = [`w${JSON.stringify(welcome)}`, "n1"]
    this.#speakSoon()
    ends.sessions.set(id, this)
    ends.application.connected(this)
  }

  say(packet) {
    this.#kept.push(packet)
    this.bytes += packet.length + OVERHEAD_BYTES
    this.#speakSoon()
  }

  hear(packets) {
    this.heardAt = Date.now()
    for (const packet of packets) {
      switch (packet[0]) {
        case "m": {
          const end = packet.indexOf("\t")
          this.#heard++
          this.#owed++
          this.#ends.application.heard(this, packet.slice(1, end), JSON.parse(packet.slice(end + 1)))
          break
        }
        case "a":
          this.#forget(Number.parseInt(packet.slice(1), 10))
          break
        case "p":
          this.#lead(`${this.ack()},${Number.parseInt(packet.slice(1), 10)},0`)
          break
        case "b":
          this.end()
      }
    }
    if (this.#owed >= ACK_PACKETS) this.#lead(this.ack())
    else if (this.#owed > 0 && this.#ends.owing.push(this) === 1) setTimeout(settle, ACK_MS, this.#ends.owing)
  }

  /** The ack that is owed, to go with a batch that is sent anyway. */
  ack() {
    this.#owed = 0
    return `a${this.#heard}`
  }

  acknowledge() {
    if (this.#owed > 0) this.#lead(this.ack())
  }

  beat() {
    if (Date.now() - this.heardAt > 2 * BEAT_MS) return this.end()
    this.#lead(`p${++this.#token}`)
  }

  /** Hands the packets of this tick to the link if the link has room. */
  flush() {
    this.#speaks = false
    if (this.#leading === undefined && this.#sent === this.#kept.length) return
    if (!this.#link.hasRoom) return
    if (2 * this.#owed >= ACK_PACKETS) this.#lead(this.ack())
    const fresh = this.#kept.length - this.#sent
    const only = this.#leading === undefined && fresh === 1
    const batch = only ? this.#kept[this.#sent] : [...(this.#leading ?? []), ...this.#kept.slice(this.#sent)].join("\n")
    this.#sent = this.#kept.length
    this.#leading = undefined
    this.#link.send(batch)
  }

  end() {
    const { sessions, application } = this.#ends
    if (sessions.delete(this.id)) application.left(this)
    this.#link.close()
  }

  #lead(packet) {
    this.#leading ??= []
    this.#leading.push(packet)
    this.#speakSoon()
  }

  #speakSoon() {
    if (this.#speaks) return
    this.#speaks = true
    if (this.#ends.spoken.push(this) === 1) queueMicrotask(() => flushAll(this.#ends.spoken))
  }

  #forget(heard) {
    const count = heard - this.#acked
    if (count <= 0) return
    for (let n = 0; n < count; n++) this.bytes -= this.#kept[n].length + OVERHEAD_BYTES
    this.#kept = this.#kept.slice(count)
    this.#sent -= count
    this.#acked = heard
  }
}

/** The last batch and its frame. A frame is built once for all clients that are sent the same. */
let lastBatch = ""
let lastFrame
const FRAME = { fin: true, opcode: 1, mask: false, readOnly: false, rsv1: false }

function acceptSockets(server, ends) {
  const options = { server, perMessageDeflate: false, clientTracking: false, handleProtocols: () => "everwire" }
  new WebSocketServer(options).on("connection", (socket, request) => {
    const { socket: stream } = request
    const link = {
      hasRoom: true,
      send(batch) {
        if (batch !== lastBatch) lastFrame = Buffer.concat(Sender.frame(Buffer.from(batch), FRAME))
        lastBatch = batch
        stream.write(lastFrame)
      },
      close: () => socket.close(),
    }
    // The hello came in the upgrade request.
    const [, hello] = request.headers["sec-websocket-protocol"].split(",")
    const session = new Session(link, ends, decodeURIComponent(hello.trim()))
    socket.on("message", (batch) => session.hear(batch.toString().split("\n")))
    socket.on("error", () => {})
    socket.on("close", () => session.end())
  })
}

function acceptPolls(server, ends) {
  const mailboxes = new Map()
  server.on("request", (request, response) => {
    const header = request.headers["everwire"]
    if (header !== undefined) {
      const { link, poll } = envelopeOf(header)
      return mailboxes.get(link).listen(response, poll)
    }
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (text) => {
      body += text
    })
    request.on("end", () => {
      const [line, ...packets] = body.split("\n")
      const { link, up, poll } = envelopeOf(line)
      const mailbox = mailboxes.get(link) ?? new Mailbox(ends, mailboxes, packets.shift())
      if (up > mailbox.heardUp) mailbox.session.hear(packets)
      if (up !== undefined) mailbox.heardUp = up
      if (poll !== undefined) return mailbox.listen(response, poll, up)
      answer(response, { link: mailbox.link, up, hub: HUB }, mailbox.session.ack())
    })
  })
}

class Mailbox {
  link = token()
  heardUp = 0
  session
  #response
  #poll
  #up

  constructor(ends, mailboxes, hello) {
    mailboxes.set(this.link, this)
    this.session = new Session(this, ends, hello)
  }

  get hasRoom() {
    return this.#response !== undefined
  }

  listen(response, poll, up) {
    this.#response = response
    this.#poll = poll
    this.#up = up
    response.on("close", () => {
      if (!response.writableFinished) this.session.end()
    })
    this.session.flush()
  }

  send(batch) {
    answer(this.#response, { link: this.link, up: this.#up, poll: this.#poll, hub: HUB }, batch)
    this.#response = undefined
  }

  close() {
    if (this.#response !== undefined) answer(this.#response, { link: this.link, poll: this.#poll, hub: HUB }, "")
    this.#response = undefined
  }
}

function answer(response, envelope, batch) {
  const body = `@${JSON.stringify(envelope)}\n${batch}`
  response
    .writeHead(200, { "content-type": "text/plain;charset=UTF-8", "content-length": Buffer.byteLength(body) })
    .end(body)
}

function envelopeOf(line) {
  return JSON.parse(line.slice(1))
}

function flushAll(spoken) {
  for (let n = 0; n < spoken.length; n++) spoken[n].flush()
  spoken.length = 0
}

function settle(owing) {
  for (const session of owing.splice(0)) session.acknowledge()
}

function encode(name, data) {
  return `m${name}\t${JSON.stringify(data)}`
}

function token() {
  return randomBytes(18).toString("base64url")
}

const HUB = token()
