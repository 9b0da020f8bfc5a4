import { CHANNEL_ACK } from "../../client/channel-session.ts"
import type { Contract } from "../../messaging/contract.ts"
import { SPARE_LINK_MS } from "../../server/sessions/spare-links.ts"
import { DIAL_DEADLINE_MS } from "../../wire/defaults.ts"
import { Broken } from "./failure.ts"
import { carryMs, setupMs } from "./rates.ts"
import type { RunningChannel } from "./running.ts"
import type { SimulatedWorld } from "./simulated-world.ts"

/** If no link is broken unnoticed, open channels deliver everything within this time, in milliseconds, */
const PROMPT_MS = 3_000
/** and this many round trips: a sender starts with a small window and enlarges it with each round trip. */
const START_ROUND_TRIPS = 6
/** Within this time (ms) and eight round trips an open channel gets an ack for what it sent, or changes its link. */
const STUCK_MS = 6_000
/** Tolerance on top of the library's own deadlines, in milliseconds. */
const GRACE_MS = 5_000

/** On a slow network all times grow by this factor of the time that it needs for all bytes that wait. */
const SLOW_FACTOR = 3

/** Up to this `resumeMs` (in milliseconds), the simulation waits until sessions without a link have expired. */
const SHORT_MS = 1_000

/** Bytes of a channel that are not acknowledged, and since when their number has not changed. */
interface Progress {
  readonly bytes: number
  readonly since: number
}

/**
 * The check after the last fault: within `settleMs` every channel is open and everything has arrived. Then each channel
 * must be left with one link, and with quick reprobes that link must be of the best transport.
 */
export class Liveness<C extends Contract<C>> {
  readonly #world: SimulatedWorld<C>
  readonly #settleMs: number
  readonly #mendedAt: number
  /**
   * The most bytes that have waited in each direction at one moment since the last fault. A hub that greets its peers
   * says large words after that fault, and the network has to carry those too. Outboxes are bounded, so this is as well.
   */
  readonly #most = { up: 0, down: 0 }
  readonly #progress = new Map<RunningChannel<C>, Progress>()
  /** The peers that have no link, and since when. */
  #unlinked = new Map<object, number>()
  /** Since when everything has been heard (`#heardAt`) and has been acknowledged too (`#toldAt`). */
  #heardAt: number | undefined
  #toldAt: number | undefined
  /** All bytes that were not acknowledged when `#heardAt` was last looked at. */
  #owedBytes = 0

  constructor(world: SimulatedWorld<C>, settleMs: number) {
    this.#world = world
    this.#settleMs = settleMs
    this.#mendedAt = world.runtime.now()
  }

  /** Whether everything has settled. @throws Broken when that takes too long */
  settled(): boolean {
    const now = this.#world.runtime.now()
    this.#countWaiting()
    const untold = this.#untold()
    if (untold === undefined) this.#toldAt ??= now
    else if (now >= this.#mendedAt + this.#settleMs + this.#slowMs) {
      throw new Broken("liveness", `after ${now - this.#mendedAt} ms without faults ${untold}`)
    }
    for (const channel of this.#world.running) this.#checkStuck(channel)
    if (this.#toldAt === undefined) return false
    const { plan, network, application } = this.#world
    const accepted = network.wires.filter(({ acceptor }) => acceptor !== undefined)
    const unneeded = plan.tidy && plan.mended === undefined ? accepted.length - plan.channels : 0
    const unneededMs = SPARE_LINK_MS + GRACE_MS + this.#slowMs
    if (unneeded > 0 && now > this.#toldAt + unneededMs) {
      throw new Broken("liveness", `${unneeded} links that nobody needs are still there after ${unneededMs} ms`)
    }
    const kept = plan.resumeMs <= SHORT_MS && application.hubOptions?.resumeMs === undefined ? this.#keptMs(now) : 0
    // While a spare link exists, the session is kept, because the channel may still take that link.
    if (kept > plan.resumeMs + SPARE_LINK_MS + GRACE_MS + this.#slowMs) {
      throw new Broken("liveness", `a session without a link is kept for longer than ${plan.resumeMs} ms`)
    }
    const low = plan.quickReprobes && plan.hubs === 1 ? this.#belowTheBest() : undefined
    const climbMs = DIAL_DEADLINE_MS + 3 * GRACE_MS + this.#slowMs
    if (low !== undefined && now > this.#toldAt + climbMs) {
      throw new Broken("liveness", `${low.name} is still on ${low.channel.transport} after ${climbMs} ms`)
    }
    return untold === undefined && unneeded <= 0 && kept === 0 && low === undefined
  }

  /** Says in words what has not arrived or is not acknowledged yet; undefined when everything is. */
  #untold(): string | undefined {
    const { running, application, plan, runtime, draining } = this.#world
    const [leaving] = draining
    if (leaving !== undefined) return `${leaving.name} has not closed`
    const shut = running.find(({ channel }) => channel.status !== "open")
    const missing = shut === undefined ? application.missing?.(this.#world) : undefined
    if (shut === undefined && missing === undefined) return this.#unacknowledged()
    // A channel that opens or hears more after this owes acks from then on, so the time starts again.
    this.#heardAt = undefined
    if (shut !== undefined) return `${shut.name} is ${shut.channel.status}: ${shut.channel.explain().why}`
    const openMs = runtime.now() - Math.max(this.#mendedAt, ...running.map(({ openAt = 0 }) => openAt))
    if (plan.tidy && plan.mended === undefined && openMs > this.#promptMs()) {
      throw new Broken("liveness", `every channel was open for ${openMs} ms, and ${missing}`)
    }
    return missing
  }

  #promptMs(): number {
    const rttMs = Math.max(...this.#world.channels.map((channel) => channel.rttMs))
    return PROMPT_MS + START_ROUND_TRIPS * rttMs + this.#slowMs
  }

  #unacknowledged(): string | undefined {
    const { plan, runtime, application } = this.#world
    if (application.chatters) return undefined
    const bytes = this.#unacknowledgedBytes()
    // What is said meanwhile, such as an item of a stream, is owed an ack from then on.
    if (bytes !== this.#owedBytes) this.#heardAt = undefined
    this.#owedBytes = bytes
    this.#heardAt ??= runtime.now()
    const unknown = this.#whoseAckIsOwed()
    const lateMs = CHANNEL_ACK.ackMs + GRACE_MS + this.#slowMs
    if (unknown !== undefined && plan.tidy && plan.mended === undefined && runtime.now() > this.#heardAt + lateMs) {
      throw new Broken("liveness", `all has been heard for ${lateMs} ms, and ${unknown}`)
    }
    return unknown
  }

  #unacknowledgedBytes(): number {
    const { running, listening } = this.#world
    const peers = listening.flatMap(({ hub }) => [...hub.peers.values()])
    return [...peers, ...running.map(({ channel }) => channel)].reduce(
      (sum, { bufferedBytes }) => sum + bufferedBytes,
      0,
    )
  }

  #whoseAckIsOwed(): string | undefined {
    const { running, listening } = this.#world
    const channel = running.find(({ channel }) => channel.bufferedBytes > 0)
    if (channel !== undefined) return `the hub has not acknowledged what ${channel.name} said`
    for (const { name, hub } of listening) {
      for (const peer of hub.peers.values()) {
        // A peer without a link is left over from a dial that the channel gave up. It expires by itself.
        if (peer.connected && peer.bufferedBytes > 0) return `${peer.id} has not acknowledged what ${name} said`
      }
    }
    return undefined
  }

  /** Checks that a channel replaces a link that does not answer, even if the link looks alive. */
  #checkStuck(running: RunningChannel<C>): void {
    const { channel, name, openAt } = running
    const now = this.#world.runtime.now()
    const bytes = channel.bufferedBytes
    const before = this.#progress.get(running)
    const stuck = openAt !== undefined && bytes > 0 && bytes === before?.bytes
    const since = stuck ? Math.max(before.since, openAt) : now
    this.#progress.set(running, { bytes, since })
    const stuckMs = STUCK_MS + 8 * channel.rttMs + this.#slowMs
    // Each doubt doubles the channel's timeout, so that a slow link is not taken for a dead one again and again.
    const doubts =
      now > since + stuckMs ? channel.explain().incidents.filter(({ what }) => what === "doubted").length : 0
    if (now > since + stuckMs * 2 ** Math.min(doubts, 5)) {
      throw new Broken("liveness", `${name} is open and what it said was not acknowledged for ${now - since} ms`)
    }
  }

  /** Longest time that a hub has kept a session without a link, in milliseconds; 0 when each session has a link. */
  #keptMs(now: number): number {
    const before = this.#unlinked
    this.#unlinked = new Map()
    for (const { peers } of this.#world.hubs) {
      for (const peer of peers.values()) if (!peer.connected) this.#unlinked.set(peer, before.get(peer) ?? now)
    }
    return Math.max(0, ...[...this.#unlinked.values()].map((since) => now - since + 1))
  }

  #belowTheBest(): RunningChannel<C> | undefined {
    const { running, plan } = this.#world
    const best = plan.transports.indexOf(plan.mended ?? plan.transports[0])
    return running.find(({ channel }) => plan.transports.indexOf(channel.transport ?? "") > best)
  }

  #countWaiting(): void {
    const { network, running, listening } = this.#world
    const { up, down } = network.queuedBytes
    const most = this.#most
    most.up = Math.max(most.up, up + sumOf(running.map(({ channel }) => channel)))
    most.down = Math.max(most.down, down + sumOf(listening.flatMap(({ hub }) => [...hub.peers.values()])))
  }

  /** Milliseconds that everything may take longer because the network is slow. */
  get #slowMs(): number {
    const { limits, channels } = this.#world.plan
    const allMs = carryMs(limits, "up", this.#most.up) + carryMs(limits, "down", this.#most.down)
    return SLOW_FACTOR * allMs + setupMs(limits, channels)
  }
}

/** Bytes in the outboxes of these channels or peers. */
function sumOf(sides: readonly { readonly bufferedBytes: number }[]): number {
  return sides.reduce((bytes, side) => bytes + side.bufferedBytes, 0)
}
