import { callSafely } from "../../session/call-safely.ts"
import { HEARTBEAT_FLOOR_MS, VERDICT_MS } from "../../wire/defaults.ts"

/** If a link lived for less than this, that is a strike against its rung. */
export const FLAP_MS = 2_000
/** After this many strikes in a row a rung is demoted. */
export const STRIKES = 2

/** A place where a channel remembers which transports work here, such as `localStorage`. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

/**
 * What a channel knows about the transports to one hub: which are broken here, which links die young, and which
 * heartbeat and hold the network allows.
 */
export class TransportHealth {
  readonly #store: Store | null | undefined
  readonly #key: string
  /**
   * Transports that failed here while another worked, and until when each is believed broken, in milliseconds since the
   * epoch.
   */
  #broken: Record<string, number> = {}
  /** Longest time between heartbeats that this network allows, if it was learned. In milliseconds. */
  declare heartbeatMs: number | undefined
  /** Longest time that this network lets a long-poll wait, if it was learned. In milliseconds. */
  declare holdMs: number | undefined
  /** For each transport: how many of its links in a row died young. */
  readonly #strikes = new Map<string, number>()
  /** How long the last link had been idle when it died, in milliseconds. 0 if it was not idle. */
  #idleDeathMs = 0

  constructor(store: Store | null | undefined, origin: string) {
    this.#store = store
    this.#key = `everwire:${origin}`
    // If the store is forbidden (as in some private windows) or holds something else, the channel learns the network
    // anew.
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

  /** Until when this transport is believed broken here, in milliseconds since the epoch. 0 if it is not. */
  brokenUntil(name: string, now: number): number {
    const until = this.#broken[name] ?? 0
    // No verdict lasts longer than `VERDICT_MS`. A later end was written while the clock was wrong.
    return until > now && until <= now + VERDICT_MS ? until : 0
  }

  /**
   * Whether links of this transport died young so often that the next one must live for a while before it is trusted.
   */
  flaps(name: string): boolean {
    return this.strikes(name) >= STRIKES
  }

  strikes(name: string): number {
    return this.#strikes.get(name) ?? 0
  }

  /** The transport failed while another worked. So the transport is broken here, and the server is not away. */
  condemn(name: string, now: number): void {
    this.#broken[name] = now + VERDICT_MS
    this.#save()
  }

  /** The transport works after all. */
  acquit(name: string): void {
    if (!this.#broken[name]) return
    delete this.#broken[name]
    this.#save()
  }

  /** Forgets verdicts and strikes, because the network may be another one. */
  forgive(): void {
    this.#broken = {}
    this.#strikes.clear()
    this.#save()
  }

  /**
   * A link of this transport died while it carried the session, `livedMs` after its welcome. After two early deaths in
   * a row the transport counts as broken.
   */
  died(name: string, livedMs: number, now: number): void {
    const strikes = livedMs < FLAP_MS ? this.strikes(name) + 1 : 0
    this.#strikes.set(name, strikes)
    if (strikes >= STRIKES) this.condemn(name, now)
  }

  /**
   * A link broke after both ends had been silent for `idleMs`. If two in a row died at about the same idle time, the
   * network cuts idle connections, and the channel sends heartbeats more often.
   */
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

  /** Writes everything to the store, if that is possible. */
  #save(): void {
    const { heartbeatMs, holdMs } = this
    // If the store is full or forbidden, the next page learns the network anew.
    callSafely(() => this.#store?.setItem(this.#key, JSON.stringify({ broken: this.#broken, heartbeatMs, holdMs })))
  }
}

function pulseOf(ms: unknown): number | undefined {
  return Number(ms) >= HEARTBEAT_FLOOR_MS && Number.isSafeInteger(ms) ? (ms as number) : undefined // just seen
}
