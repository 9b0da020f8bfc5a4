import type { AbortSignalLike } from "../../messaging/abort-signal.ts"
import { RequestFailure } from "../../messaging/failure.ts"
import type { RequestContext } from "../../messaging/handlers.ts"
import { STREAM_CREDIT } from "../../messaging/item-pump.ts"
import type { RequestOptions, StreamOptions } from "../../messaging/request-options.ts"
import { MAX_OUTBOX_BYTES } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Machine } from "../virtual-runtime.ts"
import type { World } from "./application.ts"
import { isCalm } from "./calm.ts"
import { createAbort, type DrawnDialogue, drawDialogue, itemOf, untilAborted } from "./dialogue.ts"
import { Broken } from "./failure.ts"

/** A side that asks: a channel, or a peer of a hub. */
export interface DialogueAsker {
  request(name: "tell", n: number, options: RequestOptions<number>): Promise<number>
  stream(name: "recite", n: number, options: StreamOptions<number>): AsyncIterable<number>
}

/** Items that a side sends. Each of its counters only grows. */
interface Source {
  /** Items that it was asked for, and items that the other side has taken. */
  pulled: number
  taken: number
  /** How often it began, and how often its `finally` ran. */
  began: number
  finished: number
}

/** A dialogue, and what is known of it at both ends. */
interface Dialogue extends DrawnDialogue {
  readonly asker: object
  readonly askerCrashed: () => boolean
  readonly askedAt: number
  /** Set when a handler was called. */
  answerer?: { readonly side: object; readonly crashed: () => boolean; over: boolean } | undefined
  readonly input$: Source
  readonly items$: Source
  /** When the asker was told how it ends. */
  settledAt: number | undefined
  /** Whether sources have had time to end since then. */
  wasSettledLongAgo: boolean
}

type Way = "up" | "down"

/** How long a source may take to run its `finally` after the request was settled: longer than any of its own waits. */
const FINALLY_MS = 1_000
/** More turns of the microtask queue than pass between the end of a handler and its answer. */
const ANSWER_TURNS = 10
/** Bytes of a packet of a dialogue. */
const PACKET_BYTES = 100
/** Codes that no dialogue may end with: they would be a mistake of one of the two ends. */
const NEVER = ["protocol-error", "misuse", "payload-unsupported", "payload-too-large", "request-unhandled"]

/**
 * Requests and streams of items in both directions, which answer, fail, wait and are given up as it was drawn. Checks that
 * a handler is called at most once, that each item arrives once and in order and none after a cancel, that what ends well
 * is complete, that failures have their code and data, that no source runs ahead, and that every `finally` runs.
 */
export class Dialogues {
  readonly #all: Dialogue[] = []
  #broken: Broken | undefined

  /** Begins a dialogue. `carried`: called for each packet that has to cross. */
  begin(
    way: Way,
    asker: DialogueAsker,
    machine: Machine,
    crashed: () => boolean,
    world: Pick<World, "runtime" | "plan" | "calm">,
    random: () => number,
    carried: (way: Way, bytes: number) => void,
  ): void {
    const drawn = drawDialogue(this.#all.length, random)
    const dialogue: Dialogue = {
      ...drawn,
      asker,
      askerCrashed: crashed,
      askedAt: world.runtime.now(),
      input$: { pulled: 0, taken: 0, began: 0, finished: 0 },
      items$: { pulled: 0, taken: 0, began: 0, finished: 0 },
      settledAt: undefined,
      wasSettledLongAgo: false,
    }
    this.#all.push(dialogue)
    // The request, its credits and its end in both directions, and each item in its own.
    const back = way === "up" ? "down" : "up"
    for (let packet = 0; packet < 10 + Math.max(0, drawn.input); packet++) carried(way, PACKET_BYTES)
    for (let packet = 0; packet < 10 + drawn.items; packet++) carried(back, PACKET_BYTES)
    void this.#ask(dialogue, asker, machine, world)
  }

  async #ask(
    dialogue: Dialogue,
    asker: DialogueAsker,
    machine: Machine,
    world: Pick<World, "runtime" | "plan" | "calm">,
  ): Promise<void> {
    const { n, input, end, limitMs, abortsMs, isStream } = dialogue
    const { signal, abort } = createAbort()
    const timers = [machine.after(Math.min(abortsMs, limitMs + 1_000), abort)]
    const options = { signal, ...(input >= 0 && { input: this.#source(dialogue, dialogue.input$, true, world) }) }
    try {
      if (isStream) await this.#take(dialogue, asker.stream("recite", n, options), lateness(signal))
      else {
        const answer = await asker.request("tell", n, { ...options, timeoutMs: limitMs })
        if (answer !== n || end !== "answer") this.#break(`${n} was answered with ${answer}`)
      }
    } catch (error) {
      this.#failed(dialogue, error, world)
    }
    for (const cancel of timers) cancel()
    dialogue.settledAt = world.runtime.now()
    // By a timer, because a clock that jumps gives a source no time.
    world.runtime.after(FINALLY_MS, () => {
      dialogue.wasSettledLongAgo = true
    })
  }

  async #take(dialogue: Dialogue, loop: AsyncIterable<number>, isLate: () => boolean): Promise<void> {
    const { n, items, takes, end } = dialogue
    const { items$ } = dialogue
    for await (const item of loop) {
      if (isLate()) this.#break(`${n} brought ${item} after it was aborted`)
      if (item !== itemOf(dialogue, items$.taken, false)) this.#break(`${n} brought ${item} as item ${items$.taken}`)
      if (++items$.taken === takes) return
    }
    if (items$.taken !== items || end !== "answer") this.#break(`${n} ended after ${items$.taken} of ${items} items`)
  }

  /** Checks the error that the asker got. */
  #failed(dialogue: Dialogue, error: unknown, world: Pick<World, "plan" | "calm">): void {
    const { n, end, items, items$, abortsMs, limitMs, inputFails } = dialogue
    const { name, code, data } = error as EverwireError<string> // what is none has no such name
    const what = `${n} failed with ${name} ${code} and ${JSON.stringify(data)}`
    if (name !== "EverwireError" || NEVER.includes(code)) return this.#break(what)
    if (code === "declined" && (end !== "fail" || items$.taken !== items || data !== n)) return this.#break(what)
    // A side whose outbox is full cannot send an item.
    const mayBeFull = world.plan.maxOutboxBytes < MAX_OUTBOX_BYTES
    if (code === "input-failed" && !inputFails && !mayBeFull) return this.#break(what)
    if (code === "request-failed" && !mayBeFull) return this.#break(what)
    const isGivenUp = code === "request-aborted" || code === "request-timeout"
    const hasTime = end !== "hang" && abortsMs === Infinity && limitMs >= 30_000
    if (isGivenUp && hasTime && isCalm(world) && world.plan.limits === undefined)
      this.#break(`${what} in spite of a network without faults`)
  }

  /** The answer of a handler that gives one value. */
  async tell(
    side: object,
    crashed: () => boolean,
    n: number,
    request: RequestContext<number>,
    world: Pick<World, "runtime" | "plan">,
  ): Promise<number> {
    const dialogue = this.#heard(side, crashed, n)
    try {
      await this.#read(dialogue, request, world)
      await this.#end(dialogue, request)
      return n
    } finally {
      this.#over(dialogue)
    }
  }

  /** The answer of a handler that gives a stream. */
  recite(
    side: object,
    crashed: () => boolean,
    n: number,
    request: RequestContext<number>,
    world: Pick<World, "runtime" | "plan">,
  ): AsyncGenerator<number, void, void> {
    const dialogue = this.#heard(side, crashed, n)
    const end = async (): Promise<void> => {
      await this.#read(dialogue, request, world)
      await this.#end(dialogue, request)
    }
    return this.#source(dialogue, dialogue.items$, false, world, end)
  }

  #heard(side: object, crashed: () => boolean, n: number): Dialogue {
    const dialogue = this.#all[n]
    if (dialogue === undefined) throw new Error(`nobody has begun dialogue ${n}`)
    if (dialogue.answerer) this.#break(`${n} was heard twice`)
    dialogue.answerer = { side, crashed, over: false }
    return dialogue
  }

  /** Reads the input as far as it was drawn. */
  async #read(
    dialogue: Dialogue,
    request: RequestContext<number>,
    world: Pick<World, "runtime" | "plan">,
  ): Promise<void> {
    const { n, input, inputFails, reads, input$ } = dialogue
    if (reads === 0) return
    const isLate = lateness(request.signal)
    try {
      for await (const item of request.input) {
        if (isLate()) this.#break(`${n} brought the input ${item} after it was aborted`)
        if (item !== itemOf(dialogue, input$.taken, true)) this.#break(`${n} brought ${item} as input ${input$.taken}`)
        if (++input$.taken === reads) return
      }
      if (inputFails || input$.taken !== Math.max(0, input))
        this.#break(`the input of ${n} ended after ${input$.taken} of ${input} items`)
    } catch (error) {
      const { code, data } = error as EverwireError<string> // what is none has no code
      if (code === "source-failed") {
        // What waited for the loop when the request was aborted is dropped.
        const isWhole = input$.taken === input || request.signal.aborted
        if (!inputFails || !isWhole || data !== n) this.#break(`the input of ${n} failed with ${data}`)
        throw new RequestFailure("input-failed", "the input has failed")
      }
      const isFull = code === "request-failed" && world.plan.maxOutboxBytes < MAX_OUTBOX_BYTES
      if (!(error instanceof EverwireError) || NEVER.includes(code) || (code === "request-failed" && !isFull))
        this.#break(`the input of ${n} failed with ${String(error)}`)
      throw new RequestFailure("input-failed", "the input was cut off")
    }
  }

  /** What the handler does in the end. */
  async #end({ n, end }: Dialogue, request: RequestContext<number>): Promise<void> {
    if (end === "hang") await untilAborted(request)
    if (end === "fail") throw new RequestFailure("declined", "as it was drawn", { data: n })
  }

  /** The items of an answer or of an input. */
  async *#source(
    dialogue: Dialogue,
    source: Source,
    isInput: boolean,
    { runtime }: Pick<World, "runtime">,
    end?: () => Promise<void>,
  ): AsyncGenerator<number, void, void> {
    const { n, gapMs, inputFails } = dialogue
    const count = isInput ? dialogue.input : dialogue.items
    source.began++
    try {
      for (let at = 0; at < count; at++) {
        source.pulled++
        if (source.pulled > source.taken + STREAM_CREDIT)
          this.#break(`${n} was asked for ${source.pulled} items too early`)
        yield itemOf(dialogue, at, isInput)
        if (gapMs > 0) await new Promise<void>((resolve) => void runtime.after(gapMs, resolve))
      }
      await end?.()
      if (isInput && inputFails) throw new RequestFailure("source-failed", "as it was drawn", { data: n })
    } finally {
      source.finished++
      if (!isInput) this.#over(dialogue)
    }
  }

  /** The handler has ended. Its answer leaves, and the timer of its deadline ends, some turns of the microtask queue later. */
  #over({ answerer }: Dialogue): void {
    void inTurns(ANSWER_TURNS).then(() => {
      if (answerer) answerer.over = true
    })
  }

  /** How many timers this side may have for dialogues: one for each that it has asked or answers. */
  waiting(side: object): number {
    return this.#all.filter(
      ({ asker, settledAt, answerer }) =>
        (asker === side && settledAt === undefined) || (answerer?.side === side && !answerer.over),
    ).length
  }

  /** A dialogue that should have been settled by now, in words. */
  overdue(now: number): string | undefined {
    const late = this.#all.find(
      ({ settledAt, askedAt, limitMs, askerCrashed }) =>
        settledAt === undefined && !askerCrashed() && now > askedAt + limitMs + 5_000,
    )
    return late && `dialogue ${late.n} has no end`
  }

  check(): void {
    for (const { n, wasSettledLongAgo, input$, askerCrashed } of this.#all) {
      if (!wasSettledLongAgo || askerCrashed()) continue
      if (input$.finished !== input$.began) this.#break(`the input of ${n} was not ended with it`)
    }
    if (this.#broken !== undefined) throw this.#broken
  }

  /** Called when everything has closed. */
  over(): void {
    for (const { n, settledAt, askerCrashed, input$, items$, answerer } of this.#all) {
      if (!askerCrashed() && settledAt === undefined) this.#break(`${n} has no answer and no refusal`)
      if (!askerCrashed() && input$.finished !== input$.began) this.#break(`the input of ${n} was not ended`)
      if (answerer?.crashed() === false && items$.finished !== items$.began)
        this.#break(`the items of ${n} were not ended`)
    }
    if (this.#broken !== undefined) throw this.#broken
  }

  #break(what: string): void {
    this.#broken ??= new Broken("dialogues", `dialogue ${what}`)
  }
}

async function inTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
}

/**
 * Returns a function that says whether what a loop brings now comes too late. Just before the signal fires, a loop may have
 * taken one item that its body has not seen yet.
 */
function lateness(signal: AbortSignalLike): () => boolean {
  let brought = 0
  return () => signal.aborted && ++brought > 1
}
