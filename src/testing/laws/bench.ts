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

/** How long something may take that must happen, in milliseconds of the rig's clock. */
const REAL_LIMIT_MS = 20_000
const VIRTUAL_LIMIT_MS = 60_000
/** How long a poll is held in these worlds, in milliseconds: short, so that links see several. */
const HOLD_MS = 1_000
/** So many looks without reaching the limit: a virtual clock that `settle` does not move. */
const MAX_LOOKS = 2_000

/** Both ends of a link. */
export interface Pair {
  readonly channel: End
  readonly hub: End
}

/** One world with the transport on trial in it: dials links, admits them, and waits for what must happen. */
export class Bench implements EndHost {
  readonly traits: TransportTraits
  readonly rig: TransportRig
  /** How long a poll is held in this world, in milliseconds. */
  readonly holdMs = HOLD_MS
  /** The timers of each end. */
  readonly timers: Readonly<Record<Seat, Ledger>>
  /** The hub's ends, in the order they were admitted. */
  readonly admitted: End[] = []
  /** What the hub's door does. A law may put a whole hub there. */
  admit = (link: Link, origin: LinkOrigin): LinkSink => this.#admit(link, origin)
  /** What becomes of a link that was admitted. By default its hello is answered with a welcome. */
  receive = (hub: End): void => {
    hub.onOpening = (hello) => hub.send(`w${hello.slice(1)}`)
  }
  readonly #law: string
  #where: Whereabouts = {}
  /** The channel's ends that have said hello, by the number in it. */
  readonly #hailed = new Map<End, number>()
  #settling: Promise<void> | undefined
  #heardNews: (() => void) | undefined
  /** The first call that threw. Told by the law, not from inside whatever callback made the call. */
  #thrown: string | undefined

  private constructor(law: string, { traits }: TransportSubject, rig: TransportRig) {
    this.#law = law
    this.traits = traits
    this.rig = rig
    this.timers = { channel: new Ledger(rig.runtime), hub: new Ledger(rig.runtime) }
  }

  /** Sets a world up, tries a law in it, and takes it down, come what may. */
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

  /** Dials a link and says nothing on it yet. */
  dial(): End {
    const end = new End(this, "channel")
    end.call("dial", () => {
      end.link = this.rig.dialer.dial(this.target, end)
    })
    return end
  }

  /** Dials and says hello, and nothing more: the welcome is on its way. */
  hail(): End {
    const end = this.dial()
    const number = this.#hailed.size + 1
    this.#hailed.set(end, number)
    end.send(`h${number}`)
    return end
  }

  /** Dials a link, says hello (the channel speaks first on every link) and waits for the welcome. */
  connect(): Promise<Pair> {
    return this.meet(this.hail())
  }

  /** Waits until this link, which was hailed, has been welcomed. */
  async meet(channel: End): Promise<Pair> {
    const number = this.#hailed.get(channel)
    await this.until(
      () => channel.opening === `w${number}`,
      "a link: the first batch reaches the hub and the hub's answer the channel",
      () =>
        `${this.otherEnd(channel) === undefined ? "no hello at the hub, and at the channel: " : ""}${story(channel)}`,
    )
    return { channel, hub: this.otherEnd(channel) as End } // it answered
  }

  /** The hub's end of a link that was hailed, once its hello has come. */
  otherEnd(channel: End): End | undefined {
    const hello = `h${this.#hailed.get(channel)}`
    return this.admitted.findLast(({ opening }) => opening === hello)
  }

  /** Lets what is in flight arrive. */
  settle(): Promise<void> {
    this.#settling ??= this.rig.settle().finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  /** Waits until it holds. @throws LawBroken when it does not in time. */
  async until(holds: () => boolean, expected: string, seen: () => string, limitMs?: number): Promise<void> {
    const { realTime } = this.traits
    const deadline = this.rig.runtime.now() + (limitMs ?? (realTime ? REAL_LIMIT_MS : VIRTUAL_LIMIT_MS))
    for (let looks = 0; !holds(); looks++) {
      this.#nothingThrown()
      if (this.rig.runtime.now() > deadline || (!realTime && looks > MAX_LOOKS)) this.broken(expected, seen())
      await (realTime ? Promise.race([this.settle(), this.#news()]) : this.settle())
    }
  }

  /** Waits for a promise of the channel or the hub, letting time pass. @throws LawBroken when it is rejected. */
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

  /** @throws LawBroken unless it holds. */
  expect(holds: boolean, expected: string, seen: string | (() => string)): void {
    if (!holds) this.broken(expected, typeof seen === "string" ? seen : seen())
  }

  /** @throws LawBroken */
  broken(expected: string, seen: string): never {
    throw new LawBroken(this.#law, expected, seen)
  }

  /** Exactly these packets come to this end, in this order. */
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

  /** This end is told once that the link is over. */
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

/** What an end was told so far, for people. */
export function story({ opening, told, closings }: End): string {
  const last = closings.at(-1)
  const close = last === undefined ? "" : `, closed with ${last.code} (${last.reason})`
  return `${opening === undefined ? "no opening, " : ""}${told.length > 9 ? "... " : ""}${told.slice(-9).join(", ") || "nothing"}${close}`
}
