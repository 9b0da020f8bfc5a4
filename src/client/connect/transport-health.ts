import { callSafely } from "../../session/call-safely.ts"
import { FLAP_MS, HEARTBEAT_FLOOR_MS, STRIKES, VERDICT_MS } from "../../wire/defaults.ts"

/** Where a channel remembers what works here. `localStorage` is one. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

/** How the rungs of one hub stand here: which are broken, which flap, which pulse the network allows. */
export class TransportHealth {
  readonly #store: Store | null | undefined
  readonly #key: string
  /** What failed here while something else worked, and until when that is believed (milliseconds since the epoch). */
  #broken: Record<string, number> = {}
  /** The pulse that this network allows, where it was learned; in milliseconds. */
  declare heartbeatMs: number | undefined
  /** The hold that this network allows a long-poll, where it was learned; in milliseconds. */
  declare holdMs: number | undefined
  /** Links of a transport, in a row, that died young. */
  readonly #strikes = new Map<string, number>()
  /** For how long the last link was idle when it died, if it died idle. */
  #idleDeathMs = 0

  constructor(store: Store | null | undefined, origin: string) {
    this.#store = store
    this.#key = `everwire:${origin}`
    // A store that is forbidden (private windows) or holds something else: the network is learned anew.
    callSafely(
      () => store?.getItem(this.#key),
      undefined,
      (text) => {
        const { broken, heartbeatMs, holdMs } = Object(JSON.parse(text as string)) as Record<string, unknown> // narrowed below
        for (const [name, until] of Object.entries(Object(broken)))
          if (typeof until === "number") this.#broken[name] = until
        this.heartbeatMs = pulseOf(heartbeatMs)
        this.holdMs = pulseOf(holdMs)
      },
    )
  }

  /** Until when this transport is believed not to work here; 0 when it may. */
  brokenUntil(name: string, now: number): number {
    const until = this.#broken[name] ?? 0
    // A later end than any verdict has was written while the clock was wrong.
    return until > now && until <= now + VERDICT_MS ? until : 0
  }

  /** Whether this transport has died young so often that it must live for a while before it is trusted. */
  flaps(name: string): boolean {
    return this.strikes(name) >= STRIKES
  }

  strikes(name: string): number {
    return this.#strikes.get(name) ?? 0
  }

  /** It failed while another worked: the transport is broken here, not the server away. */
  condemn(name: string, now: number): void {
    this.#broken[name] = now + VERDICT_MS
    this.#save()
  }

  /** It works after all. */
  acquit(name: string): void {
    if (!this.#broken[name]) return
    delete this.#broken[name]
    this.#save()
  }

  /** Everything may be tried again: the network is another one. */
  forgive(): void {
    this.#broken = {}
    this.#strikes.clear()
    this.#save()
  }

  /** The current link of this transport died, having been of use for `livedMs`. Twice too young, and it is demoted. */
  died(name: string, livedMs: number, now: number): void {
    const strikes = livedMs < FLAP_MS ? this.strikes(name) + 1 : 0
    this.#strikes.set(name, strikes)
    if (strikes >= STRIKES) this.condemn(name, now)
  }

  /** A link broke after both ends had been silent for `idleMs`. The second time in a row at about the same age teaches. */
  diedIdle(idleMs: number): void {
    const before = this.#idleDeathMs
    this.#idleDeathMs = idleMs >= HEARTBEAT_FLOOR_MS ? idleMs : 0
    if (before === 0 || Math.abs(before - idleMs) > idleMs / 4) return
    this.heartbeatMs = Math.max(HEARTBEAT_FLOOR_MS, Math.floor(idleMs * 0.75))
    this.#save()
  }

  learnHold(holdMs: number): void {
    this.holdMs = holdMs
    this.#save()
  }

  /** Remembers, as far as the store lets. */
  #save(): void {
    const { heartbeatMs, holdMs } = this
    // Full or forbidden: the next page learns anew.
    callSafely(() => this.#store?.setItem(this.#key, JSON.stringify({ broken: this.#broken, heartbeatMs, holdMs })))
  }
}

function pulseOf(ms: unknown): number | undefined {
  return Number(ms) >= HEARTBEAT_FLOOR_MS && Number.isSafeInteger(ms) ? (ms as number) : undefined // just seen
}
