import type { TakenOver } from "../server/moved-session.ts"
import type { Claims } from "./claims.ts"
import { type HeardUpTo, readHeardUpTo } from "./crossing.ts"
import type { Journal } from "./journal.ts"
import { decodeLastWords, decodeMoved } from "./moved-session.ts"
import type { Line, Strand } from "./neighbours.ts"
import { BEGUN, GO, HELD, HOLD } from "./offer.ts"
import type { RoomsAcross } from "./rooms-across.ts"

/**
 * A process that is ready for a session and hears nothing more looks into the store this often, so many times. The former
 * owner may change the store for as long as a call of it takes.
 */
export const LOOK_MS = 1_000
const MAX_LOOKS = 10
/** The store has to tell it so many times in a row: a process that was cut off is told what was said last when it is back. */
const SURE_LOOKS = 3

export interface OfferedHost {
  readonly claims: Claims
  readonly peers: Pick<RoomsAcross, "expectSession" | "came" | "stays" | "heardBy">
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
  readonly #over: (wasTold: boolean) => void
  /** Those who want to know whether the session comes. */
  readonly #waiting: ((isHere: boolean) => void)[] = []
  #taken: TakenOver | undefined
  #isHeld = false
  /** How far the former owner had heard each sender when it told the state that is held. */
  #heard: HeardUpTo | undefined
  #looks = 0
  /** How often in a row the store has said that the session is this process's. */
  #sure = 0
  #cancelLook = (): void => {}
  /** What the journal has of the session counts, or never will. */
  #release = (): void => {}

  /** @param over is called when it is decided. `wasTold`: false if this process has the session, and does not know what was said last */
  constructor(line: Line, host: OfferedHost, taken: TakenOver, id: string, over: (wasTold: boolean) => void) {
    this.#line = line
    this.#host = host
    this.#taken = taken
    this.#id = id
    this.#over = over
    host.peers.expectSession(id)
  }

  hear(what: number, [bytes, heard]: readonly unknown[]): void {
    if (what === HOLD)
      this.#hold(bytes as Uint8Array, heard).catch(this.#host.failed) // `encodeMoved` of the other process made it
    else if (what === GO && this.#isHeld) this.go(bytes, heard)
    else this.#stay()
  }

  /** The session stands still at its owner. */
  async #hold(state: Uint8Array, heard: unknown): Promise<void> {
    const isReady = this.#taken?.hold(decodeMoved(state))
    this.#isHeld = true
    this.#heard = readHeardUpTo(heard)
    await isReady
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
    const isLast = ++this.#looks >= MAX_LOOKS
    this.#sure = owner === hub ? this.#sure + 1 : 0
    // Until then the former owner tries to tell what its application said while the session stood still.
    if (isLast && this.#sure >= SURE_LOOKS) return this.go()
    if (isLast && this.#sure === 0) return this.#stay()
    this.#cancelLook = after(LOOK_MS, () => void this.#look())
  }

  /**
   * The session is this process's. If the former owner could tell: `last` is what `encodeLastWords` made, and `heard` how far it had
   * heard each sender by then.
   */
  go(last?: unknown, heard: unknown = this.#heard): void {
    const wasTold = last instanceof Uint8Array
    const taken = this.#end(wasTold)
    this.#line.say(BEGUN)
    this.#line.end()
    try {
      taken?.begin(wasTold ? decodeLastWords(last) : undefined)
    } finally {
      this.#host.peers.came(this.#id, readHeardUpTo(heard))
      this.#tell(true)
    }
  }

  #stay(): void {
    const taken = this.#end(true)
    this.#line.end()
    taken?.drop()
    this.#host.peers.stays(this.#id)
    this.#tell(false)
  }

  #end(wasTold: boolean): TakenOver | undefined {
    const taken = this.#taken
    this.#taken = undefined
    this.#cancelLook()
    this.#release()
    this.#over(wasTold)
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
