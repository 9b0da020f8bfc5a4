import { Broken } from "./failure.ts"

/** The side that sent a request: a channel or a peer of a hub. */
type Asker = object

interface Question {
  readonly asker: Asker
  waits: boolean
}

/** Checks that every request is handled at most once, and is answered with its own answer or rejected. */
export class Questions {
  readonly #asked: Question[] = []
  readonly #heard = new Set<string>()
  #broken: Broken | undefined

  ask(asker: Asker, ask: (n: number) => Promise<number>): void {
    const n = this.#asked.length
    const question: Question = { asker, waits: true }
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

  /** Called by the other side's handler: records that it has heard the question. */
  answer(question: string, n: number): number {
    if (this.#heard.has(question)) this.#break(`question ${question} was heard twice`)
    this.#heard.add(question)
    return n
  }

  /** The number of this side's requests that are neither answered nor rejected. */
  waiting(asker: Asker): number {
    return this.#asked.filter((question) => question.waits && question.asker === asker).length
  }

  /** Called when everything has closed: each request of a side that did not crash must be settled. */
  over(crashed: ReadonlySet<Asker>): void {
    const open = this.#asked.filter(({ waits, asker }) => waits && !crashed.has(asker)).length
    if (open > 0) this.#break(`${open} have no answer and no refusal`)
  }

  check(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #break(what: string): void {
    this.#broken ??= new Broken("questions", what)
  }
}
