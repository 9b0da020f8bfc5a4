import type { Machine } from "../virtual-runtime.ts"
import { Broken } from "./failure.ts"

interface Question {
  readonly machine: Machine
  waits: boolean
}

/** Every question is heard at most once, and answered or refused once: with its own answer. */
export class Questions {
  readonly #asked: Question[] = []
  readonly #heard = new Set<string>()
  #broken: Broken | undefined

  ask(machine: Machine, ask: (n: number) => Promise<number>): void {
    const n = this.#asked.length
    const question: Question = { machine, waits: true }
    this.#asked.push(question)
    ask(n).then(
      (answer) => {
        if (answer !== n) this.#break(`question ${n} was answered with ${answer}`)
        question.waits = false
      },
      () => {
        question.waits = false
      },
    )
  }

  /** The other side has heard it. */
  answer(question: string, n: number): number {
    if (this.#heard.has(question)) this.#break(`question ${question} was heard twice`)
    this.#heard.add(question)
    return n
  }

  /** How many this machine has asked that are neither answered nor refused. */
  waiting(by: Machine): number {
    return this.#asked.filter(({ waits, machine }) => waits && by === machine).length
  }

  /** Everything has closed: whoever still runs has an answer or a refusal. */
  over(): void {
    const open = this.#asked.filter(({ waits, machine }) => waits && !machine.halted).length
    if (open > 0) this.#break(`${open} have no answer and no refusal`)
  }

  check(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #break(what: string): void {
    this.#broken ??= new Broken("questions", what)
  }
}
