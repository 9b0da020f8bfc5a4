import { isDeepStrictEqual } from "node:util"
import { createNetwork, createVirtualRuntime, type Machine, type Network, type VirtualRuntime } from "everwire/testing"
import { CHANNEL_ACK } from "../../src/client/channel-session.ts"
import { LastJoined, SharedOutbox } from "../../src/server/sessions/shared-outbox.ts"
import { HUB_ACK } from "../../src/server/settings.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Delivery, DropReason } from "../../src/session/delivery/delivery.ts"
import { laneState } from "../../src/session/delivery/lane-state.ts"
import { Inbox } from "../../src/session/inbox.ts"
import type { Link, LinkSink } from "../../src/session/link.ts"
import { ListOutbox, type Outbox } from "../../src/session/outbox.ts"
import { type Heard, Session, type SessionHost, type SessionSettings } from "../../src/session/session.ts"
import { type Kept, restoreSnapshot, type SessionSnapshot, takeSnapshot } from "../../src/session/snapshot.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import type { Dialer, Target } from "../../src/transports/transport.ts"
import { type Batch, decodeBatch, type Packet, text, utf8 } from "../../src/wire/batch.ts"
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, MAX_OUTBOX_BYTES, PROTOCOL_VERSION } from "../../src/wire/defaults.ts"
import { type Closing, closing, EverwireError } from "../../src/wire/errors.ts"
import { readHello, readTake, readWelcome, writeHello, writeTake, writeWelcome } from "../../src/wire/handshake.ts"
import { encodePacket, kindOf, openPacket } from "../../src/wire/packet.ts"

const COMMON = {
  heartbeatMs: HEARTBEAT_MS,
  heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
  maxOutboxBytes: MAX_OUTBOX_BYTES,
}
const ID = "a-session-of-the-model-"
const DONE: Closing = closing("superseded", "not needed")

/** Counts of rare situations that the model's histories must reach, over all pairs. */
export interface Sights {
  /** Packets that came in parts. */
  parts: number
  /** Marks: probes among the data that measure a link. */
  marks: number
  /** Links that continued in the middle of a packet. */
  resumed: number
  /** Links that repeated parts which had been heard. */
  repeated: number
}

export function createSights(): Sights {
  return { parts: 0, marks: 0, resumed: 0, repeated: 0 }
}

/** A word that a seat said: when it may be dropped, and the moment. */
export interface Spoken {
  readonly delivery: Delivery | undefined
  readonly tick: number
}

/** A moment at one end: the time, and how many words it had said. */
export interface Moment {
  readonly at: number
  /** Counts the ticks in which this end said something. The clock may jump within one. */
  readonly tick: number
  readonly said: number
}

/** A word was handed to a link. */
export interface HandOver extends Moment {
  readonly word: number
  /** When the link was attached, for the first and for the last time. */
  readonly first: Moment
  readonly last: Moment
}

/** One session with a minimal host, and what the model records of it. */
export abstract class Seat implements SessionHost {
  readonly traffic = createTraffic()
  readonly said: string[] = []
  readonly heard: string[] = []
  readonly spoken: Spoken[] = []
  /** Of each word that arrived: its place among the words said. */
  readonly arrivals: number[] = []
  /** Each word of a packet that was handed to a link as a whole, in this order. */
  readonly handed: HandOver[] = []
  /** Reasons why this seat dropped words. */
  readonly reasons: DropReason[] = []
  /** Errors that must never happen between two honest sessions. */
  readonly complaints: string[] = []
  readonly machine: Machine
  session: Session
  readonly #settings: SessionSettings
  readonly #sights: Sights
  #tick = 0
  #isAsleep = false
  readonly #attached = new Map<Link, Moment[]>()
  #kept: Kept = { outbox: new ListOutbox(), inbox: new Inbox() }

  constructor(machine: Machine, settings: SessionSettings, sights: Sights) {
    this.machine = machine
    this.#settings = settings
    this.#sights = sights
    this.session = this.#start()
  }

  /** Goes on as another process would: with what a snapshot says, in the outbox of a hub or of a channel, and without links. */
  restore(outbox: Outbox): void {
    this.hangUp()
    const snapshot = structuredClone(this.#snapshot())
    this.session.end()
    this.#kept = restoreSnapshot(snapshot, outbox)
    this.session = this.#start()
  }

  /** A snapshot that is restored is the same snapshot again. */
  checkSnapshot(): void {
    const snapshot = this.#snapshot()
    for (const outbox of [new ListOutbox(), new SharedOutbox(new LastJoined())]) {
      const again = takeSnapshot(restoreSnapshot(snapshot, outbox))
      if (!isDeepStrictEqual(again, snapshot)) throw new Error("a snapshot that is another when it was restored")
    }
  }

  #snapshot(): SessionSnapshot {
    const { lane } = this.session
    return takeSnapshot({ ...this.#kept, lane: lane && laneState(lane) })
  }

  #start(): Session {
    const { outbox, inbox, lane } = this.#kept
    const session = new Session(new Clockwork(this.machine), this, this.#settings, outbox, inbox, lane)
    const attach = session.attach.bind(session)
    session.attach = (link, heard, sent, opening) => {
      this.#watchLink(link)
      attach(link, heard, sent, opening)
    }
    return session
  }

  /** Ends all links from this side. */
  protected abstract hangUp(): void

  /** The link is attached. Notes from now on which words it is handed in whole packets. */
  #watchLink(link: Link): void {
    const moment = (): Moment => ({ at: this.machine.now(), tick: this.#tick, said: this.said.length })
    const times = this.#attached.get(link)
    if (times !== undefined) return void times.push(moment())
    const first = moment()
    const attached = [first]
    this.#attached.set(link, attached)
    const send = link.send.bind(link)
    link.send = (batch) => {
      const now = moment()
      for (const packet of decodeBatch(batch)) {
        if (kindOf(packet) !== "m") continue
        const word = Number.parseInt(wordIn(packet), 10)
        this.handed.push({ word, ...now, first, last: attached.at(-1) ?? first })
      }
      send(batch)
    }
  }

  dropped(reason: DropReason): void {
    this.reasons.push(reason)
  }

  sleep(): void {
    this.#isAsleep = true
    this.machine.sleep()
  }

  wake(): void {
    this.#isAsleep = false
    this.machine.wake()
  }

  /** An application on a machine that sleeps says nothing. */
  say(size: number, binary: boolean, delivery?: Delivery): void {
    if (this.#isAsleep) return
    const word = `${this.said.length}:`.padEnd(size, "x")
    const packet = encodePacket("m", ["x"], binary ? utf8(word) : word)
    this.spoken.push({ delivery, tick: this.#tick })
    this.session.say(packet, undefined, undefined, delivery)
    this.machine.soon(() => this.#tick++) // after the flush that the session asked for
    this.said.push(`${binary ? "bytes" : "text"} ${word.length} ${word.slice(0, 8)}`)
  }

  deliver(packet: Packet): void {
    const { body } = openPacket(packet)
    const word = typeof body === "string" ? body : text(body)
    if (kindOf(packet) !== "m") return // what was withdrawn
    this.arrivals.push(Number.parseInt(word, 10))
    this.heard.push(`${typeof body === "string" ? "text" : "bytes"} ${word.length} ${word.slice(0, 8)}`)
  }

  abstract control(link: Link, packet: string): void
  doubted(): void {}
  answered(): void {}
  silent(link: Link): void {
    link.close(closing("silent", "nothing was heard for too long"))
  }

  protected hear(link: Link, packets: readonly Packet[]): void {
    if (this.session.link === link) for (const packet of packets) this.#see(packet)
    try {
      this.session.hear(link, packets)
    } catch (error) {
      this.complaints.push(String(error))
      link.close(DONE)
      this.session.linkLost(link)
      if (!(error instanceof EverwireError)) throw error
    }
  }

  #see(packet: Packet): void {
    const { heard, part: heardPart = 0 } = this.session
    switch (kindOf(packet)) {
      case "e":
        this.#sights.parts++
        return
      case "p":
        if (String(packet).includes(",")) this.#sights.marks++
        return
      case "n": {
        const { number, part } = positionIn(packet)
        if (part > 0) this.#sights.resumed++
        if (number === heard + 1 && part < heardPart) this.#sights.repeated++
      }
    }
  }
}

function wordIn(packet: Packet): string {
  const { body } = openPacket(packet)
  return typeof body === "string" ? body : text(body)
}

/** Reads a position packet: the number of the next packet, and the part at which it continues. */
function positionIn(packet: Packet): { number: number; part: number } {
  const [number = 0, part = 0] = String(packet).slice(1).split("+").map(Number)
  return { number, part }
}

/** What a dialing end keeps of each dial. */
interface Call {
  readonly link: Link
  readonly turn: number
  readonly sent: number
  welcomed: boolean
  /** Whether it has been the session's current link. */
  adopted: boolean
}

/** The end that chooses the link: it dials, adopts a welcomed link, and takes it. */
class DialingSeat extends Seat {
  calls: Call[] = []
  #turn = 0
  readonly #dialer: Dialer
  readonly #target: Target

  constructor(machine: Machine, settings: SessionSettings, sights: Sights, dialer: Dialer) {
    super(machine, settings, sights)
    this.#dialer = dialer
    this.#target = {
      url: "http://model",
      runtime: machine,
      platform: {},
      withCredentials: false,
      holdMs: 0,
      learnHold() {},
    }
  }

  /** Dials. The hello has a turn and carries small packets, or it has no turn and only probes. */
  dial(takes: boolean): void {
    const { session } = this
    const { packets, sent } = takes ? session.ride() : { packets: [], sent: 0 }
    const turn = takes ? ++this.#turn : 0
    const sink: LinkSink = {
      batch: (batch) => this.#batch(call, batch),
      closed: () => this.#lost(call),
      writable: () => session.writable(link),
    }
    const link = this.#dialer.dial(this.#target, sink)
    const call: Call = { link, turn, sent, welcomed: false, adopted: false }
    this.calls.push(call)
    const { heard, part, acked } = session
    const hello = writeHello({ v: PROTOCOL_VERSION, id: ID, key: ID, heard, part, acked, turn, holder: ID })
    link.send([hello, ...packets].join("\n"))
  }

  /** Takes the current link again, or a welcomed one that was never current; an older link is never used again. */
  take(index: number): void {
    const { link } = this.session
    const ready = this.calls.filter((call) => call.welcomed && (call.link === link || !call.adopted))
    const call = ready[index % ready.length]
    if (call === undefined) return
    call.adopted = true
    this.#take(call.link, { heard: this.session.acked })
  }

  protected hangUp(): void {
    while (this.calls.length > 0) this.letGo(0)
  }

  letGo(index: number): void {
    const call = this.calls[index % this.calls.length]
    if (call === undefined) return
    call.link.close(DONE)
    this.#lost(call)
  }

  control(): void {
    this.complaints.push("a packet of the handshake in the middle of the talk")
  }

  #take(link: Link, to: Heard): void {
    const { heard, part } = this.session
    this.session.attach(link, to, to.heard, writeTake({ turn: ++this.#turn, heard, part }))
  }

  #batch(call: Call, batch: Batch): void {
    const packets = decodeBatch(batch)
    if (call.welcomed) return this.hear(call.link, packets)
    call.welcomed = true
    const [first = "", ...rest] = packets
    const welcome = readWelcome(String(first))
    // A link whose hello had no turn is adopted only when a step of the history says so.
    if (call.turn === 0) return
    call.adopted = true
    if (welcome.attached && call.turn === this.#turn) this.session.attach(call.link, welcome, call.sent)
    else this.#take(call.link, welcome)
    this.hear(call.link, rest)
  }

  #lost(call: Call): void {
    this.calls = this.calls.filter((other) => other !== call)
    this.session.linkLost(call.link)
  }
}

/** The end that follows: it obeys a turn that is higher than the last one. */
class AcceptingSeat extends Seat {
  #turn = 0
  #links = new Set<Link>()

  protected hangUp(): void {
    for (const link of this.#links) {
      link.close(DONE)
      this.session.linkLost(link)
    }
    this.#links.clear()
  }

  admit(link: Link): LinkSink {
    let greeted = false
    this.#links.add(link)
    return {
      batch: (batch) => {
        if (!this.#links.has(link)) return
        const [first = "", ...rest] = decodeBatch(batch)
        if (greeted) return this.hear(link, [first, ...rest])
        greeted = true
        const hello = readHello(String(first))
        const attached = hello.turn > this.#turn
        const welcome = writeWelcome({
          v: PROTOCOL_VERSION,
          peer: "",
          hub: "",
          heard: this.session.heard,
          part: this.session.part,
          attached,
          resumed: true,
          resumeMs: 0,
          maxPayloadBytes: 0,
          speakMs: HEARTBEAT_MS,
          patienceMs: HEARTBEAT_TIMEOUT_MS,
        })
        link.send(welcome)
        if (attached) this.#obey(link, hello, hello.turn)
        this.hear(link, rest)
      },
      closed: () => {
        this.#links.delete(link)
        this.session.linkLost(link)
      },
      writable: () => this.session.writable(link),
    }
  }

  control(link: Link, packet: string): void {
    if (kindOf(packet) !== "t") return void this.complaints.push(`not a take: ${packet}`)
    const take = readTake(packet)
    if (take.turn > this.#turn) this.#obey(link, take, take.turn)
  }

  #obey(link: Link, heard: Heard, turn: number): void {
    this.#turn = turn
    this.session.attach(link, heard)
  }
}

/**
 * Two sessions and the network between them. With `swapped`, the dialing end has the ack and doubt settings of a hub.
 */
export interface Pair {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly dialing: DialingSeat
  readonly accepting: AcceptingSeat
}

export function createPair(seed: number, swapped: boolean, sights = createSights()): Pair {
  const runtime = createVirtualRuntime({ seed })
  const network = createNetwork({ runtime, latencyMs: 5, jitterMs: 40 })
  const [far, near] = [runtime.machine(), runtime.machine()]
  const accepting = new AcceptingSeat(far, { ...(swapped ? CHANNEL_ACK : HUB_ACK), ...COMMON }, sights)
  const settings = { ...(swapped ? HUB_ACK : CHANNEL_ACK), ...COMMON }
  const dialing = new DialingSeat(near, settings, sights, network.dialer("any"))
  network.acceptor("any").open({
    runtime: far,
    clockwork: new Clockwork(far),
    hub: "model",
    maxBatchBytes: Number.POSITIVE_INFINITY,
    holdMs: 0,
    admit: (link) => accepting.admit(link),
  })
  return { runtime, network, dialing, accepting }
}
