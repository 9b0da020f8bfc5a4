import type { TakenOver } from "../server/cluster.ts"
import type { Claims } from "./claims.ts"
import type { Journal } from "./journal.ts"
import { decodeLastWords, decodeMoved } from "./moved-session.ts"
import type { Line, Strand } from "./neighbours.ts"
import { BEGUN, GO, HELD, HOLD } from "./offer.ts"

/**
 * A process that is ready for a session and hears nothing more looks into the store this often, so many times. The former
 * owner may change the store for as long as a call of it takes.
 */
export const LOOK_MS = 1_000
const MAX_LOOKS = 10
export interface OfferedHost {
  readonly claims: Claims
  /** Undefined unless the hub is durable. */
  readonly journal: Journal | undefined
  readonly hub: string
  keyOf(session: string): string
  after(delayMs: number, run: () => void): () => void
  failed(error: unknown): void
}

/** A session that another process offers to this one. */
export class Offered implements Strand {
  readonly #line: Line
  readonly #host: OfferedHost
  readonly #id: string
  readonly #over: () => void
  /** Those who want to know whether the session comes. */
  readonly #waiting: ((isHere: boolean) => void)[] = []
  #taken: TakenOver | undefined
  #isHeld = false
  #looks = 0
  #cancelLook = (): void => {}
  /** What the journal has of the session counts, or never will. */
  #release = (): void => {}

  constructor(line: Line, host: OfferedHost, taken: TakenOver, id: string, over: () => void) {
    this.#line = line
    this.#host = host
    this.#taken = taken
    this.#id = id
    this.#over = over
  }

  hear(what: number, [bytes]: readonly unknown[]): void {
    if (what === HOLD)
      this.#hold(bytes as Uint8Array).catch(this.#host.failed) // `encodeMoved` of the other process made it
    else if (what === GO && this.#isHeld) this.go(bytes)
    else this.#stay()
  }

  /** The session stands still at its owner. */
  async #hold(state: Uint8Array): Promise<void> {
    const heard = this.#taken?.hold(decodeMoved(state))
    this.#isHeld = true
    await heard
    const { journal, hub, keyOf } = this.#host
    const condition = { key: keyOf(this.#id), values: [hub], holds: true }
    this.#release = (await journal?.put([{ whole: decodeMoved(state), condition }])) ?? this.#release
    this.#line.say(HELD)
  }

  /** The former owner is gone, or what it said was lost. The store tells whether it had handed the session over. */
  lost(): void {
    if (this.#isHeld) void this.#look()
    else this.#stay()
  }

  /** This process closes: it cannot have the session any more. */
  close(): void {
    this.#stay()
  }

  async #look(): Promise<void> {
    const { claims, hub, after } = this.#host
    let owner: string | undefined
    try {
      owner = await claims.claimed(this.#id)
    } catch {
      // It is asked again below.
    }
    if (this.#taken === undefined) return
    const isLast = ++this.#looks === MAX_LOOKS
    // Until then the former owner tries to tell what its application said while the session stood still.
    if (isLast && owner === hub) return this.go(undefined)
    if (isLast) return this.#stay()
    this.#cancelLook = after(LOOK_MS, () => void this.#look())
  }

  /** The session is this process's. `last`: what `encodeLastWords` made, if the former owner could tell. */
  go(last: unknown): void {
    const taken = this.#end()
    this.#line.say(BEGUN)
    this.#line.end()
    try {
      taken?.begin(last instanceof Uint8Array ? decodeLastWords(last) : undefined)
    } finally {
      this.#tell(true)
    }
  }

  #stay(): void {
    const taken = this.#end()
    this.#line.end()
    taken?.drop()
    this.#tell(false)
  }

  #end(): TakenOver | undefined {
    const taken = this.#taken
    this.#taken = undefined
    this.#cancelLook()
    this.#release()
    this.#over()
    return taken
  }

  /** Whether the session is here, as soon as that is decided. */
  arrival(): Promise<boolean> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #tell(isHere: boolean): void {
    for (const tell of this.#waiting.splice(0)) tell(isHere)
  }
}
