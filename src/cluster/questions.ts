import type { Selection, Task, TaskResult } from "../server/across.ts"
import type { Alarm, Clockwork, Slot } from "../session/clockwork.ts"
import { EverwireError } from "../wire/errors.ts"

/** How long the other processes have to answer, in milliseconds. */
const ANSWER_MS = 5_000

export interface QuestionsHost {
  readonly clockwork: Clockwork
  /** The other processes that live. */
  others(): Iterable<string>
  /** Whether it is known of all processes whether they live: a promise if that takes a moment. */
  settled(): boolean | PromiseLike<boolean>
  /** Publishes a question for all processes. */
  publish(id: number, selection: Selection, task: Task): void
}

/** Asks all other processes, and waits for the answers. */
export class Questions {
  readonly #host: QuestionsHost
  readonly #open = new Map<number, Question>()
  #asked = 0

  constructor(host: QuestionsHost) {
    this.#host = host
  }

  /** @throws EverwireError (as a rejection) `backplane-unavailable`, `payload-unsupported` */
  ask(selection: Selection, task: Task): Promise<readonly TaskResult[]> {
    const id = ++this.#asked
    const { clockwork } = this.#host
    return new Promise((resolve, reject) => {
      const question = new Question((error) => {
        this.#open.delete(id)
        clockwork.clear(question)
        if (error === undefined) resolve(question.results)
        else reject(error)
      })
      this.#open.set(id, question)
      clockwork.set(question, clockwork.now() + ANSWER_MS)
      const settled = this.#host.settled()
      if (typeof settled === "boolean") this.#publish(question, id, selection, task, settled)
      else settled.then((isSettled) => this.#publish(question, id, selection, task, isSettled))
    })
  }

  #publish(question: Question, id: number, selection: Selection, task: Task, isSettled: boolean): void {
    if (this.#open.get(id) !== question) return
    if (!isSettled) return question.end(unanswered("the other processes cannot be reached now", [], question))
    question.missing = new Set(this.#host.others())
    this.#host.publish(id, selection, task)
    question.look()
  }

  answered(from: string, id: number, result: TaskResult | { readonly failure: string }): void {
    this.#open.get(id)?.answered(from, result)
  }

  /** The process is gone, and its peers with it. */
  gone(hub: string): void {
    for (const question of [...this.#open.values()]) question.gone(hub)
  }

  close(): void {
    for (const question of [...this.#open.values()]) {
      question.end(unanswered("the hub was closed", [...(question.missing ?? [])], question))
    }
  }
}

class Question implements Alarm {
  slot: Slot | undefined
  readonly results: TaskResult[] = []
  /** Processes that have not answered. Undefined before they are asked. */
  missing: Set<string> | undefined
  readonly end: (error?: EverwireError) => void

  constructor(end: (error?: EverwireError) => void) {
    this.end = end
  }

  answered(from: string, result: TaskResult | { readonly failure: string }): void {
    if (this.missing?.delete(from) !== true) return
    if ("failure" in result) return this.end(new EverwireError("payload-unsupported", `hub ${from}: ${result.failure}`))
    this.results.push(result)
    this.look()
  }

  gone(hub: string): void {
    if (this.missing?.delete(hub) === true) this.look()
  }

  look(): void {
    if (this.missing?.size === 0) this.end()
  }

  ring(): void {
    const missing = [...(this.missing ?? [])]
    this.end(unanswered(`not answered in ${ANSWER_MS} ms by: ${missing.join(", ") || "anybody"}`, missing, this))
  }
}

/** With `data`: what the others answered, and the ids of the hubs that did not answer. */
function unanswered(what: string, missing: readonly string[], { results }: Question): EverwireError {
  const count = results.reduce((sum, result) => sum + result.count, 0)
  const peers = results.flatMap((result) => result.peers ?? [])
  const error = new EverwireError("backplane-unavailable", what, { retryable: true })
  return Object.assign(error, { data: { missing, count, peers } })
}
