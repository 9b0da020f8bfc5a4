import type { Hub } from "../../server/hub.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Machine } from "../virtual-runtime.ts"
import type { TalkContract, TalkWorld } from "./company.ts"
import { Broken } from "./failure.ts"

/** Longest time for the answer of all processes, in milliseconds: five seconds, and two until it is known who lives. */
const ANSWER_MS = 7_500

interface Inquiry {
  readonly what: string
  readonly machine: Machine
  readonly at: number
  settled: boolean
}

/**
 * Checks what a hub asks of the peers of all processes: that each question is answered in time or rejected with the right
 * code, and that the answer is true while the processes know the truth about each other.
 */
export class Inquiries {
  readonly #asked: Inquiry[] = []
  #broken: Error | undefined

  /**
   * Asks who is in a room, or has a peer's session end.
   *
   * @param judge says in words what is wrong with the answer. Not called if the processes were disturbed meanwhile.
   */
  ask<Answer>(
    what: string,
    hub: Hub<TalkContract>,
    machine: Machine,
    world: TalkWorld,
    question: (hub: Hub<TalkContract>) => Promise<Answer>,
    judge: (answer: Answer) => string | undefined,
  ): void {
    const inquiry: Inquiry = { what, machine, at: world.runtime.now(), settled: false }
    this.#asked.push(inquiry)
    const wasSteady = world.steady
    question(hub).then(
      (answer) => {
        inquiry.settled = true
        const wrong = wasSteady && world.steady ? judge(answer) : undefined
        if (wrong !== undefined) this.#break(`${what}: ${wrong}`)
      },
      (error: unknown) => {
        inquiry.settled = true
        const isCoded = error instanceof EverwireError && error.code === "backplane-unavailable"
        if (!isCoded) this.#break(`${what} was rejected with ${String(error)}`)
      },
    )
  }

  check(world: TalkWorld): void {
    // A pause of the process that asks delays what it hears.
    const now = world.runtime.now()
    const late = this.#asked.find(
      ({ settled, machine, at }) => !settled && !machine.halted && now > at + ANSWER_MS && world.steady,
    )
    if (late !== undefined) this.#break(`${late.what} has no answer after ${now - late.at} ms`)
    if (this.#broken !== undefined) throw this.#broken
  }

  /** Called when everything has closed. */
  over(): void {
    const open = this.#asked.find(({ settled, machine }) => !settled && !machine.halted)
    if (open !== undefined) this.#break(`${open.what} has no answer`)
    if (this.#broken !== undefined) throw this.#broken
  }

  #break(what: string): void {
    this.#broken ??= new Broken("inquiries", what)
  }
}
