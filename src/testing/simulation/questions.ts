import { Broken } from "./failure.ts"

/** Whoever asks: a channel, or a peer of a hub. */
type Asker = object

interface Question {
  readonly asker: Asker
  waits: boolean
}

/** Every question is heard at most once, and answered or refused once: with its own answer. */
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

  /** The other side has heard it. */
  answer(question: string, n: number): number {
    if (this.#heard.has(question)) this.#break(`question ${question} was heard twice`)
    this.#heard.add(question)
    return n
  }

  /** How many of its questions are neither answered nor refused. */
  waiting(asker: Asker): number {
    return this.#asked.filter((question) => question.waits && question.asker === asker).length
  }

  /** Everything has closed: whoever did not crash has an answer or a refusal. */
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
