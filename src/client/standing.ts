import { FLAP_MS, STRIKES, VERDICT_MS } from "../kernel/defaults.ts"
import { type Memory, recall, remember, type Store } from "./memory.ts"

/** How the rungs of one hub stand here: which are broken, which flap, which pulse the network allows. */
export class Standing {
  readonly #store: Store | null | undefined
  readonly #key: string
  readonly #memory: Memory
  /** Links of a transport, in a row, that died young. */
  readonly #strikes = new Map<string, number>()
  /** For how long the last link was idle when it died, if it died idle. */
  #idleDeathMs = 0

  constructor(store: Store | null | undefined, origin: string) {
    this.#store = store
    this.#key = `everwire:${origin}`
    this.#memory = recall(store, this.#key)
  }

  get speakMs(): number | undefined {
    return this.#memory.speakMs
  }
  get holdMs(): number | undefined {
    return this.#memory.holdMs
  }

  /** Until when this transport is believed not to work here; 0 when it may. */
  brokenUntil(name: string, now: number): number {
    const until = this.#memory.broken[name] ?? 0
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
    this.#memory.broken[name] = now + VERDICT_MS
    this.#save()
  }

  /** It works after all. */
  acquit(name: string): void {
    if (this.#memory.broken[name] === undefined) return
    delete this.#memory.broken[name]
    this.#save()
  }

  /** Everything may be tried again: the network is another one. */
  forgive(): void {
    this.#memory.broken = {}
    this.#strikes.clear()
    this.#save()
  }

  /** The current link of this transport died, having been of use for `livedMs`. Twice too young, and it is demoted. */
  died(name: string, livedMs: number, now: number): void {
    this.#strikes.set(name, livedMs < FLAP_MS ? this.strikes(name) + 1 : 0)
    if (this.flaps(name)) this.condemn(name, now)
  }

  /** A link broke after both ends had been silent for `idleMs`. The second time in a row at about the same age teaches. */
  diedIdle(idleMs: number, floorMs: number): void {
    const before = this.#idleDeathMs
    this.#idleDeathMs = idleMs >= floorMs ? idleMs : 0
    if (before === 0 || Math.abs(before - idleMs) > idleMs / 4) return
    this.#memory.speakMs = Math.max(floorMs, Math.floor(idleMs * 0.75))
    this.#save()
  }

  learnHold(holdMs: number): void {
    this.#memory.holdMs = holdMs
    this.#save()
  }

  #save(): void {
    remember(this.#store, this.#key, this.#memory)
  }
}
