// The least that a session costs: a hub that speaks the protocol (docs/protocol.md) and knows nothing else. What it says is
// numbered and kept until it is acknowledged, what it hears is counted and acknowledged, beats ask for answers, a bye ends
// it; clients are those of everwire. It is no hub to use: nothing is resumed, refused, limited or judged, there is one link
// for each session and one transport for each server, and what breaks the protocol breaks the server.
import { randomBytes } from "node:crypto"
import { Sender, WebSocketServer } from "ws"
import { BEAT_MS } from "./settings.mjs"

export { connect, openWire } from "./everwire.mjs"
export const transports = ["websocket", "long-poll"]

// docs/protocol.md, "Numbers".
const ACK_MS = 250
const ACK_PACKETS = 256
/** What a packet counts for beside its length in what is kept. */
const OVERHEAD_BYTES = 64

export function serve({ server, application, transport }) {
  const sessions = new Map()
  /** Those that have something to send at the end of this tick, and those that owe an ack. */
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
  /** Packets that are not acknowledged, and how much that is. */
  #kept = []
  bytes = 0
  #acked = 0
  /** How many of those kept the link has been given. */
  #sent = 0
  /** Unnumbered packets that lead the next batch. */
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

  /** What has been heard, for whatever goes anyway. */
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

  /** Hands what was said in this tick to the link, if that has room. */
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

/** The last batch that was framed, and its frame: it is built once for all who are sent the same. */
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
    // The hello came with the handshake.
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
