import type { Alarm, Slot } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import { type Batch, decodeBatch, type Packet, sizeOf } from "../../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Closing, EverwireError } from "../../wire/errors.ts"
import { isPart } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { rateLimited } from "../limits/allowance.ts"
import { Backlog, isOneRun } from "../limits/backlog.ts"
import type { Worker } from "../limits/slices.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"

/** A link is closed if its peer stays over its limits for this long without a pause, in milliseconds. */
const OVER_MS = 3_000
/** A peer that is not over its limits for this long has made a pause, in milliseconds. */
const PAUSE_MS = 1_000
/** Shortest wait of a peer over its limits, in milliseconds. Several packets are then handled together. */
const LEAST_WAIT_MS = 20

/**
 * Handles a batch of a welcomed link at once if it is small and its peer is within its limits. Returns false if the
 * batch has to wait.
 *
 * @throws EverwireError of the protocol, and what the session throws
 */
export function hearAtOnce(host: AdmissionHost, hubSession: HubSession, link: Link, batch: Batch): boolean {
  const { slices, clockwork } = host
  const now = clockwork.now()
  if (!isOneRun(batch) || !slices.mayGoOn(hubSession, now) || !hubSession.spending.mayDo(now)) return false
  const packets = decodeBatch(batch)
  if (packets.length > 1) ownParts(packets)
  pass(host, hubSession, link, packets, sizeOf(batch), now)
  slices.used(packets.length, now, clockwork.now())
  return true
}

/**
 * Refuses more input on a link whose client sends requests and does not read the answers: they would fill the link's
 * send buffer.
 *
 * @throws EverwireError `buffer-full`
 */
export function checkListens({ maxLinkBytes }: AdmissionHost, { session }: HubSession, link: Link): void {
  // A spare link is sent nothing but answers to probes, so its limit is lower.
  if (link.bufferedBytes > (session.link === link ? maxLinkBytes : LINK_BUFFER_BYTES)) {
    throw new EverwireError("buffer-full", "more was asked than is listened to")
  }
}

/** Passes packets to the session and counts the memory that it may keep of them. */
function pass(
  { kept, fanOut }: AdmissionHost,
  hubSession: HubSession,
  link: Link,
  packets: Packet[],
  bytes: number,
  now: number,
  arrivedAt = now,
): void {
  const { session } = hubSession
  hubSession.waitedMs = now - arrivedAt
  const { spending } = hubSession
  spending.did(packets.length, bytes, now)
  const { said } = fanOut
  session.hear(link, packets, now)
  spending.caused(said, packets.length, now)
  if (session.part !== undefined) kept.grow(2 * bytes)
  if (session.link !== link) kept.grow(link.bufferedBytes)
}

/** The `HubLink` whose input is worked on. */
interface WorkOwner {
  /** The link has ended, and all input that came before the end has been handled. */
  closed(why: Closing): void
  refuse(why: Closing): void
  /** The input could not be handled. */
  broke(error: unknown): void
}

/** The input of a welcomed link that waits for its turn. Made when a batch has to wait for the first time. */
export class LinkWork implements Alarm, Worker {
  /** When the waiting input may be worked on again. */
  slot: Slot | undefined
  readonly #host: AdmissionHost
  readonly #hubSession: HubSession
  readonly #link: Link
  readonly #owner: WorkOwner
  #backlog: Backlog | undefined
  /** Since when the peer has been over its limits without a pause, and until when it had to wait last. */
  #over: { readonly since: number; readonly until: number } | undefined

  constructor(host: AdmissionHost, hubSession: HubSession, link: Link, owner: WorkOwner) {
    this.#host = host
    this.#hubSession = hubSession
    this.#link = link
    this.#owner = owner
  }

  get isBusy(): boolean {
    return this.#backlog !== undefined
  }

  get bytes(): number {
    return this.#backlog?.bytes ?? 0
  }

  /** @throws EverwireError `rate-limited` if too much waits, from a transport that cannot stop reading */
  add(batch: Batch): void {
    const { maxLinkBytes, slices, clockwork } = this.#host
    const now = clockwork.now()
    if (this.#backlog !== undefined) {
      this.#backlog.add(batch, now)
      this.#count(this.#backlog)
      if (this.#backlog.bytes <= 2 * maxLinkBytes) return
      throw new EverwireError("rate-limited", "more was sent than can be worked on")
    }
    this.#backlog = new Backlog()
    this.#hubSession.backlogs++
    this.#backlog.add(batch, now)
    this.#count(this.#backlog)
    if (this.#work()) slices.add(this)
  }

  /** Calls back when no input waits. */
  whenIdle(run: () => void): void {
    if (this.#backlog === undefined) this.#host.runtime.soon(run)
    else this.#backlog.whenIdle.push(run)
  }

  /** The link has ended. The input that still waits is handled before the session hears of the end. */
  endsWith(why: Closing): void {
    if (this.#backlog !== undefined) this.#backlog.ended = why
  }

  /** The hub closed the link: the waiting input is dropped. */
  drop(): void {
    if (this.#backlog === undefined) return
    this.#host.clockwork.clear(this)
    this.#host.slices.delete(this)
    this.#backlog.ended = undefined
    this.#idle()
  }

  ring(): void {
    this.#host.slices.add(this)
  }

  work(): boolean {
    try {
      return this.#work()
    } catch (error) {
      this.#owner.broke(error)
      return false
    }
  }

  #work(): boolean {
    const { slices, clockwork } = this.#host
    const hubSession = this.#hubSession
    const link = this.#link
    let now = clockwork.now()
    while (this.#backlog !== undefined) {
      if (!hubSession.links.has(link)) {
        // The hub has closed the link.
        this.#idle()
        break
      }
      if (!hubSession.spending.mayDo(now)) {
        this.#wait(now)
        return false
      }
      if (!slices.mayGoOn(hubSession, now)) return true
      checkListens(this.#host, hubSession, link)
      const backlog = this.#backlog
      const packets = backlog.take()
      this.#count(backlog)
      if (packets === undefined) {
        this.#idle()
        break
      }
      const from = now
      ownParts(packets)
      let bytes = 0
      for (const packet of packets) bytes += sizeOf(packet)
      pass(this.#host, hubSession, link, packets, bytes, now, backlog.arrivedAt)
      now = clockwork.now()
      slices.used(packets.length, from, now)
    }
    return false
  }

  /** The peer or its address is over its limits: waits until it is within them, or refuses the link. */
  #wait(now: number): void {
    const until = now + Math.max(LEAST_WAIT_MS, this.#hubSession.spending.waitMs(now))
    const { since, until: before } = this.#over ?? { since: now, until: now }
    const isPaused = now - before > PAUSE_MS
    this.#over = { since: isPaused ? now : since, until }
    if (!isPaused && now - since >= OVER_MS) {
      return this.#owner.refuse(rateLimited("too much was sent for too long", OVER_MS))
    }
    this.#host.clockwork.set(this, until)
  }

  /** No input waits any more. */
  #idle(): void {
    const backlog = this.#backlog
    if (backlog === undefined) return
    this.#backlog = undefined
    this.#hubSession.waitingBytes -= backlog.counted
    this.#hubSession.backlogs--
    if (backlog.ended !== undefined) this.#owner.closed(backlog.ended)
    for (const run of backlog.whenIdle) this.#host.runtime.soon(run)
  }

  /** Counts the waiting bytes among the memory that the hub keeps for the peer. */
  #count(backlog: Backlog): void {
    const grown = backlog.bytes - backlog.counted
    this.#hubSession.waitingBytes += grown
    backlog.counted = backlog.bytes
    if (grown > 0) this.#host.kept.grow(grown)
  }
}

/**
 * Copies parts of packets, because the session keeps them. In the engine a slice of a string keeps the whole string
 * alive, here the whole batch. A concatenation that is sliced again becomes a new string of its own size.
 */
function ownParts(packets: Packet[]): void {
  for (let at = 0; at < packets.length; at++) {
    const packet = packets[at]
    if (typeof packet !== "string") continue
    if (isPart(kindOf(packet))) packets[at] = ` ${packet}`.slice(1)
  }
}
