import { hubRuntime } from "../../runtimes/hub-runtime.ts"

/** One process, as it begins a connection. */
export interface Who {
  /** The same on each of its connections. */
  readonly id: string
  /** Its number at the operating system. */
  readonly pid: number
}

/**
 * A process whose connection has ended is looked for this often, in milliseconds, so many times. One that was killed is gone
 * when its parent has taken note of that.
 */
const LOOK_MS = 50
const LOOKS = 40

/** A message that a process has left: the topic, and the frame that carries it. */
export type Will = readonly [topic: string, frame: Uint8Array]

/**
 * Publishes what processes have left for their end. That a connection has ended does not show that its process has: it may
 * have been disconnected because it read too slowly. So the operating system is asked.
 */
export class Wills {
  readonly #publish: (topic: string, frame: Uint8Array) => void
  /** How many connections each process has. */
  readonly #connected = new Map<string, number>()
  readonly #cancels = new Set<() => void>()

  constructor(publish: (topic: string, frame: Uint8Array) => void) {
    this.#publish = publish
  }

  /** Returns false if the operating system does not know the process: in another container it has another number. */
  began({ id, pid }: Who): boolean {
    if (!isRunning(pid)) return false
    this.#connected.set(id, (this.#connected.get(id) ?? 0) + 1)
    return true
  }

  /** A connection has ended, on which the process had left these. */
  ended(who: Who, wills: readonly Will[]): void {
    const left = (this.#connected.get(who.id) ?? 1) - 1
    if (left > 0) this.#connected.set(who.id, left)
    else this.#connected.delete(who.id)
    if (wills.length > 0) this.#look(who, wills, LOOKS)
  }

  close(): void {
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }

  #look(who: Who, wills: readonly Will[], looks: number): void {
    const cancel = hubRuntime.after(LOOK_MS, () => {
      this.#cancels.delete(cancel)
      // It is connected again, and has left them again.
      if (this.#connected.has(who.id)) return
      if (!isRunning(who.pid)) for (const [topic, frame] of wills) this.#publish(topic, frame)
      else if (looks > 1) this.#look(who, wills, looks - 1)
    })
    this.#cancels.add(cancel)
  }
}

function isRunning(pid: number): boolean {
  try {
    // Signal 0 is not sent: it asks whether there is such a process.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (Object(error) as { code?: unknown }).code !== "ESRCH" // another user's process cannot be signalled, but runs
  }
}
