// @vitest-environment jsdom
import { renderHook } from "@solidjs/testing-library"
import {
  type SharedChannel,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "everwire/solid"
import { createSignal } from "solid-js"
import { afterEach, beforeEach, expect, expectTypeOf, it, vi } from "vitest"
import { type Chat, startLive } from "./live.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  vi.useRealTimers()
})

it("two components open one channel, and it closes when both are gone for a while", async () => {
  const live = startLive()
  const first = renderHook(() => useStatus(live.live))
  const second = renderHook(() => useChannel(live.live))
  await live.pass(100)
  expect(first.result()).toMatchObject({ status: "open", transport: "websocket" })
  expect(second.result()).toBe(live.made[0])
  expect(live.hub.peers.size).toBe(1)
  first.cleanup()
  vi.advanceTimersByTime(60_000)
  expect(live.made[0]?.status).toBe("open")
  second.cleanup()
  vi.advanceTimersByTime(4_999)
  const again = renderHook(() => useStatus(live.live))
  vi.advanceTimersByTime(60_000)
  expect(live.made.map(({ status }) => status)).toEqual(["open"])
  again.cleanup()
  vi.advanceTimersByTime(5_000)
  await live.pass(2_000)
  expect(live.made.map(({ status }) => status)).toEqual(["closed"])
})

it("the newest messages are kept, up to the limit", async () => {
  const live = startLive()
  const list = renderHook(() => useMessages(live.live, "tick", { limit: 2 }))
  const latest = renderHook(() => useLatest(live.live, "said"))
  await live.pass(100)
  for (const tick of [1, 2, 3]) live.hub.send("tick", tick)
  live.hub.send("said", { text: "hi" })
  await live.pass(100)
  expect(list.result()).toEqual([2, 3])
  expect(latest.result()).toEqual({ text: "hi" })
})

it("a request follows its input, and an earlier one is aborted", async () => {
  const live = startLive()
  const [text, setText] = createSignal("slow")
  const { result } = renderHook(() => useRequest(live.live, "find", () => ({ text: text() })))
  await live.pass(100)
  expect(result).toMatchObject({ status: "pending", isPending: true, data: undefined })
  setText("b")
  await live.pass(500)
  expect(result).toMatchObject({ status: "success", isPending: false, data: "found b" })
  expect(live.log).toContain("aborted slow")
  setText("nothing")
  await live.pass(500)
  expect(result).toMatchObject({ status: "error", error: { code: "request-failed" } })
  const asked = live.log.length
  result.refetch()
  expect(result.isPending).toBe(true)
  await live.pass(500)
  expect(live.log.length).toBe(asked + 1)
})

it("a request that is not enabled waits", async () => {
  const live = startLive()
  const [enabled, setEnabled] = createSignal(false)
  const { result } = renderHook(() => useRequest(live.live, "count", undefined, () => ({ enabled: enabled() })))
  await live.pass(100)
  expect(result).toMatchObject({ status: "idle", isPending: false })
  setEnabled(true)
  await live.pass(100)
  expect(result.data).toBe(7)
})

it("unmounting in the middle of a stream ends its generator at the hub", async () => {
  const live = startLive()
  const { result, cleanup } = renderHook(() => useStream(live.live, "words", "first", { limit: 2 }))
  await live.pass(200)
  expect(result).toMatchObject({ status: "pending", data: ["second", "third"] })
  cleanup()
  await live.pass(61_000)
  expect(live.log).toEqual(["words ended"])
})

it("a call tells its state", async () => {
  const live = startLive()
  const { result } = renderHook(() => useCall(live.live, "find"))
  await live.pass(100)
  expect(result.status).toBe("idle")
  const answer = result.call({ text: "a" })
  expect(result.isPending).toBe(true)
  await live.pass(200)
  expect([result.status, result.data, await answer]).toEqual(["success", "found a", "found a"])
})

it("types come from the contract", () => {
  const types = (live: SharedChannel<Chat>) => {
    expectTypeOf(useMessages(live, "said")()).toEqualTypeOf<readonly { text: string }[]>()
    expectTypeOf(useLatest(live, "tick")()).toEqualTypeOf<number | undefined>()
    expectTypeOf(useRequest(live, "find", () => ({ text: "a" })).data).toEqualTypeOf<string | undefined>()
    expectTypeOf(useStream(live, "words", "a").data).toEqualTypeOf<readonly string[]>()
    expectTypeOf(useCall(live, "find").call({ text: "a" })).toEqualTypeOf<Promise<string>>()
    // @ts-expect-error no such message
    useMessages(live, "none")
    // @ts-expect-error the input is missing
    useRequest(live, "find")
  }
  expect(types).toBeTypeOf("function")
})
