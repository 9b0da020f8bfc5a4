// The checks of simulated requests and streams: each notices the fault that it is there for.

import { EverwireError, type RequestContext, type RequestOptions } from "everwire"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { type DialogueAsker, Dialogues } from "../../src/testing/simulation/dialogues.ts"
import { drawPlan } from "../../src/testing/simulation/plan.ts"

/** The numbers that draw a dialogue: an answer of 20 items, or a request with an input of 20 items, without faults. */
const STREAM = [0.1, 0.9, 0.1, 0.5, 0.1, 0.1, 0.9, 0.1, 0.1]
const REQUEST = [0.9, 0.1, 0.1, 0.5, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1]
/** The same request, whose handler leaves its loop after eight items. */
const LEFT = [0.9, 0.1, 0.1, 0.5, 0.9, 0.9, 0.2, 0.1, 0.9, 0.1, 0.1]

/** An answer of 20 items, 45 ms from each to the next, which the asker gives up after 100 ms. */
const ABORTED = [0.1, 0.9, 0.1, 0.5, 0.1, 0.9, 0.9, 0.9, 0.1, 0.9, 0.05]

type Items = AsyncGenerator<number, void, void>

/** What stands between the two ends. Without faults it is nothing. */
interface Between {
  items?(items: Items): Items
  input?(items: Items): Items
  answer?(answer: () => Promise<number>): Promise<number>
}

/** Draws a dialogue, and has it between two ends. Returns the law's complaint, or undefined. */
async function complaint(drawn: readonly number[], between: Between): Promise<unknown> {
  const runtime = createVirtualRuntime()
  const world = { runtime, plan: drawPlan(1, [], { limits: undefined }), calm: true }
  const dialogues = new Dialogues()
  const hub = {}
  const crashed = (): boolean => false
  const pass = (items: Items): Items => items
  const { items = pass, input = pass, answer = (ask) => ask() } = between
  async function* nothing(): Items {}
  const contextOf = (options: RequestOptions<number>): RequestContext<number> => {
    const { signal, input: sent = nothing() } = options
    return { signal, input: input(sent as Items) } as RequestContext<number> // what the law looks at
  }
  const asker: DialogueAsker = {
    request: (_, n, options) => answer(() => dialogues.tell(hub, crashed, n, contextOf(options), world)),
    stream: (_, n, options) => items(dialogues.recite(hub, crashed, n, contextOf(options), world)),
  }
  const numbers = [...drawn]
  dialogues.begin(
    "up",
    asker,
    runtime.machine(),
    crashed,
    world,
    () => numbers.shift() ?? Number.NaN,
    () => {},
  )
  for (let turn = 0; turn < 20; turn++) await runtime.pass(100)
  try {
    dialogues.check()
    dialogues.over()
  } catch (error) {
    return error instanceof Error ? error.message : error
  }
  return undefined
}

async function* twice(items: Items): Items {
  for await (const item of items) yield* [item, item]
}
async function* cut(items: Items): Items {
  let taken = 0
  for await (const item of items) {
    if (++taken > 3) return
    yield item
  }
}
async function* swapped(items: Items): Items {
  const { value: first } = await items.next()
  const { value: second } = await items.next()
  yield* [Number(second), Number(first)]
  yield* items
}
async function* greedy(items: Items): Items {
  const all: number[] = []
  for await (const item of items) all.push(item)
  yield* all
}
/** Is left without leaving what it reads from. */
async function* forgetful(items: Items): Items {
  for (let next = await items.next(); !next.done; next = await items.next()) yield next.value
}

describe("the law of dialogues", () => {
  it.each([
    ["an answer of items", STREAM],
    ["a request with items", REQUEST],
    ["a request whose input is left", LEFT],
  ])("has no complaint of %s between honest ends", async (_, drawn) => {
    expect(await complaint(drawn, {})).toBeUndefined()
  })

  it.each<[fault: string, drawn: readonly number[], between: Between, says: RegExp]>([
    ["an item that comes twice", STREAM, { items: twice }, /brought 1000 as item 1/],
    ["items in another order", STREAM, { items: swapped }, /brought 1001 as item 0/],
    ["an answer that ends too early", STREAM, { items: cut }, /ended after 3 of 20 items/],
    ["items that are taken too early", STREAM, { items: greedy }, /asked for 17 items too early/],
    ["an input item that comes twice", REQUEST, { input: twice }, /brought -1000 as input 1/],
    ["input items in another order", REQUEST, { input: swapped }, /brought -1001 as input 0/],
    ["an input that ends too early", REQUEST, { input: cut }, /the input of 0 ended after 3 of 20 items/],
    ["input items that are taken too early", REQUEST, { input: greedy }, /asked for 17 items too early/],
    ["items that come after they were given up", ABORTED, {}, /brought 1004 after it was aborted/],
    ["an input that is not ended", LEFT, { input: forgetful }, /the input of 0 was not ended/],
    ["another answer", REQUEST, { answer: async (ask) => (await ask()) + 1 }, /was answered with 1/],
    [
      "a handler that is called twice",
      REQUEST,
      { answer: async (ask) => (await ask()) + (await ask()) },
      /heard twice/,
    ],
    ["no answer", REQUEST, { answer: () => new Promise(() => {}) }, /no answer and no refusal/],
    [
      "a time-out on a network without faults",
      REQUEST,
      { answer: () => Promise.reject(new EverwireError("request-timeout", "late")) },
      /request-timeout .* in spite of a network without faults/,
    ],
    [
      "a code that is a mistake of an end",
      REQUEST,
      { answer: () => Promise.reject(new EverwireError("protocol-error", "what is this?")) },
      /failed with EverwireError protocol-error/,
    ],
    [
      "an error that is none of the library",
      REQUEST,
      { answer: () => Promise.reject(new Error("oops")) },
      /failed with Error/,
    ],
  ])("complains of %s", async (_, drawn, between, says) => {
    expect(await complaint(drawn, between)).toMatch(says)
  })
})
