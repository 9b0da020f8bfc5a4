import { Clockwork } from "../../session/clockwork.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { LinkOrigin, Target } from "../../transports/transport.ts"
import type { Packet } from "../../wire/batch.ts"
import { End, type EndHost } from "./end.ts"
import { LawBroken } from "./law-broken.ts"
import { Ledger } from "./ledger.ts"
import { difference } from "./packets.ts"
import {
  checkHands,
  type Seat,
  type TransportRig,
  type TransportSubject,
  type TransportTraits,
  type Whereabouts,
} from "./subject.ts"

/** How long `until` waits before the law fails, in milliseconds of the rig's clock, which may be faster than the real one. */
const REAL_LIMIT_MS = 40_000
const VIRTUAL_LIMIT_MS = 60_000
/** How long the acceptor holds a poll, in milliseconds. Short, so that a link sees several polls. */
const HOLD_MS = 1_000
/** After this many calls of `settle` without reaching the time limit, the virtual clock is taken to stand still. */
const MAX_LOOKS = 2_000

/** Both ends of a link. */
export interface Pair {
  readonly channel: End
  readonly hub: End
}

/** Runs one law on one rig: it dials links, admits them at the hub, and waits for what the law requires. */
export class Bench implements EndHost {
  readonly traits: TransportTraits
  readonly rig: TransportRig
  /** How long the acceptor holds a poll, in milliseconds. */
  readonly holdMs = HOLD_MS
  /** The runtime of each end. It records which timers are armed. */
  readonly timers: Readonly<Record<Seat, Ledger>>
  /** The hub's ends, in the order they were admitted. */
  readonly admitted: End[] = []
  /** Called by the door for each new link. A law may replace it to admit links to a whole hub. */
  admit = (link: Link, origin: LinkOrigin): LinkSink => this.#admit(link, origin)
  /** Called for each link that was admitted. By default its hello is answered with a welcome. */
  receive = (hub: End): void => {
    hub.onOpening = (hello) => hub.send(`w${hello.slice(1)}`)
  }
  readonly #law: string
  #where: Whereabouts = {}
  /** The channel's ends that have sent a hello, and the number in that hello. */
  readonly #hailed = new Map<End, number>()
  #settling: Promise<void> | undefined
  #heardNews: (() => void) | undefined
  /**
   * The first call that threw. The law reports it later: an error thrown inside a callback would go to the transport.
   */
  #thrown: string | undefined

  private constructor(law: string, { traits }: TransportSubject, rig: TransportRig) {
    this.#law = law
    this.traits = traits
    this.rig = rig
    this.timers = { channel: new Ledger(rig.runtime), hub: new Ledger(rig.runtime) }
  }

  /** Sets a rig up, checks a law on it, and tears the rig down in every case. */
  static async try(law: string, subject: TransportSubject, prove: (bench: Bench) => Promise<void>): Promise<void> {
    const rig = await subject.setup()
    try {
      checkHands(rig, subject.traits)
      const bench = new Bench(law, subject, rig)
      bench.#where = await rig.listen({
        runtime: bench.timers.hub,
        clockwork: new Clockwork(bench.timers.hub),
        hub: rig.runtime.id(),
        maxBatchBytes: subject.traits.maxBatchBytes,
        holdMs: bench.holdMs,
        admit: (link, origin) => bench.admit(link, origin),
      })
      await prove(bench)
      bench.#nothingThrown()
    } finally {
      await rig.teardown()
    }
  }

  get target(): Target {
    return {
      url: this.#where.url ?? "http://hub.test/everwire",
      platform: this.#where.platform ?? {},
      runtime: this.timers.channel,
      withCredentials: false,
      holdMs: this.holdMs,
      learnHold: () => {},
    }
  }

  /** Dials a link and sends nothing. */
  dial(): End {
    const end = new End(this, "channel")
    end.call("dial", () => {
      end.link = this.rig.dialer.dial(this.target, end)
    })
    return end
  }

  /** Dials a link and sends a hello, without waiting for the welcome. */
  hail(): End {
    const end = this.dial()
    const number = this.#hailed.size + 1
    this.#hailed.set(end, number)
    end.send(`h${number}`)
    return end
  }

  /** Dials a link, sends a hello (the channel sends first on every link) and waits for the welcome. */
  connect(): Promise<Pair> {
    return this.meet(this.hail())
  }

  /** Waits for the welcome of a link that `hail` dialed. */
  async meet(channel: End): Promise<Pair> {
    const number = this.#hailed.get(channel)
    await this.until(
      () => channel.opening === `w${number}`,
      "a link: the first batch reaches the hub and the hub's answer the channel",
      () =>
        `${this.otherEnd(channel) === undefined ? "no hello at the hub, and at the channel: " : ""}${story(channel)}`,
    )
    return { channel, hub: this.otherEnd(channel) as End } // the welcome came from it
  }

  /** The hub's end of a link that `hail` dialed; undefined until its hello has arrived. */
  otherEnd(channel: End): End | undefined {
    const hello = `h${this.#hailed.get(channel)}`
    return this.admitted.findLast(({ opening }) => opening === hello)
  }

  /** Lets everything in transit arrive. Concurrent calls share one `settle` of the rig. */
  settle(): Promise<void> {
    this.#settling ??= this.rig.settle().finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  /** Waits until `holds` returns `true`. @throws LawBroken when that takes too long. */
  async until(holds: () => boolean, expected: string, seen: () => string, limitMs?: number): Promise<void> {
    const { realTime } = this.traits
    const deadline = this.rig.runtime.now() + (limitMs ?? (realTime ? REAL_LIMIT_MS : VIRTUAL_LIMIT_MS))
    for (let looks = 0; !holds(); looks++) {
      this.#nothingThrown()
      if (this.rig.runtime.now() > deadline || (!realTime && looks > MAX_LOOKS)) this.broken(expected, seen())
      await (realTime ? Promise.race([this.settle(), this.#news()]) : this.settle())
    }
  }

  /**
   * Lets time pass until a promise of the channel or the hub settles. @throws LawBroken when it is rejected or late.
   */
  async pass<Value>(promise: Promise<Value>, expected: string): Promise<Value> {
    let outcome: { value: Value } | { error: unknown } | undefined
    promise.then(
      (value) => {
        outcome = { value }
        this.news()
      },
      (error: unknown) => {
        outcome = { error }
        this.news()
      },
    )
    await this.until(
      () => outcome !== undefined,
      expected,
      () => "nothing for too long",
    )
    return await promise.catch((error: unknown) => this.broken(expected, String(error)))
  }

  /** @throws LawBroken unless `holds`. */
  expect(holds: boolean, expected: string, seen: string | (() => string)): void {
    if (!holds) this.broken(expected, typeof seen === "string" ? seen : seen())
  }

  /** @throws LawBroken */
  broken(expected: string, seen: string): never {
    throw new LawBroken(this.#law, expected, seen)
  }

  /** Waits until exactly these packets have arrived at this end, in this order. @throws LawBroken otherwise. */
  async arrives(end: End, said: readonly Packet[]): Promise<void> {
    await this.until(
      () => end.packets.length >= said.length,
      `${said.length} packets at the ${end.seat}'s end`,
      () => difference(said, end.packets) ?? story(end),
    )
    await this.settle()
    const found = difference(said, end.packets)
    if (found !== undefined)
      this.broken("every packet once, in order and unchanged", `at the ${end.seat}'s end ${found}`)
  }

  /** Waits until this end's sink was told that the link is over. @throws LawBroken when that takes too long. */
  async isTold(end: End): Promise<void> {
    await this.until(
      () => end.over,
      `the ${end.seat}'s end to be told that the link is over`,
      () => story(end),
    )
  }

  news(): void {
    this.#heardNews?.()
  }

  threw(call: string, error: unknown): void {
    this.#thrown ??= `${call} threw ${String(error)}`
    this.news()
  }

  #nothingThrown(): void {
    if (this.#thrown !== undefined) this.broken("calls to a link or a dialer not to throw", this.#thrown)
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#heardNews = resolve
    })
  }

  #admit(link: Link, origin: LinkOrigin): End {
    const hub = new End(this, "hub", link, origin)
    this.admitted.push(hub)
    this.receive(hub)
    return hub
  }
}

/** A readable summary of what an end's sink was told so far. */
export function story({ opening, told, closings }: End): string {
  const last = closings.at(-1)
  const close = last === undefined ? "" : `, closed with ${last.code} (${last.reason})`
  return `${opening === undefined ? "no opening, " : ""}${told.length > 9 ? "... " : ""}${told.slice(-9).join(", ") || "nothing"}${close}`
}
