// @vitest-environment jsdom
import { act, cleanup, renderHook } from "@testing-library/react"
import { createChannel } from "everwire"
import {
  type SharedChannel,
  shareChannel,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "everwire/react"
import { createElement, type ReactNode, StrictMode } from "react"
import { hydrateRoot } from "react-dom/client"
import { renderToString } from "react-dom/server"
import { afterEach, beforeEach, expect, expectTypeOf, it, onTestFinished, vi } from "vitest"
import { type Chat, type Live, startLive } from "./live.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

const pass = (live: Live, ms: number): Promise<void> => act(() => live.pass(ms))
const strictly = { wrapper: ({ children }: { children: ReactNode }) => createElement(StrictMode, null, children) }

it("two components in StrictMode open one channel, and it closes when both are gone for a while", async () => {
  const live = startLive()
  const first = renderHook(() => useStatus(live.live), strictly)
  const second = renderHook(() => useChannel(live.live), strictly)
  await pass(live, 100)
  expect(first.result.current).toMatchObject({ status: "open", transport: "websocket" })
  expect(second.result.current).toBe(live.made[0])
  expect(live.hub.peers.size).toBe(1)
  first.unmount()
  vi.advanceTimersByTime(60_000)
  expect(live.made[0]?.status).toBe("open")
  second.unmount()
  vi.advanceTimersByTime(4_999)
  expect(live.made[0]?.status).toBe("open")
  const again = renderHook(() => useStatus(live.live), strictly)
  vi.advanceTimersByTime(60_000)
  expect(live.made.map(({ status }) => status)).toEqual(["open"])
  again.unmount()
  vi.advanceTimersByTime(5_000)
  await pass(live, 2_000)
  expect(live.made.map(({ status }) => status)).toEqual(["closed"])
  expect(live.hub.peers.size).toBe(0)
})

it("the status is one object until it changes, and a restart gives every component a new channel", async () => {
  const live = startLive()
  const { result, rerender } = renderHook(() => [useStatus(live.live), useChannel(live.live)] as const)
  await pass(live, 100)
  const [before] = result.current
  rerender()
  expect(result.current[0]).toBe(before)
  act(() => live.live.restart())
  expect(result.current[0]).toEqual({ status: "connecting" })
  await pass(live, 2_000)
  expect(result.current[0].status).toBe("open")
  expect(result.current[1]).toBe(live.made[1])
  expect(live.made.map(({ status }) => status)).toEqual(["closed", "open"])
})

it("the newest messages are kept, up to the limit", async () => {
  const live = startLive()
  const list = renderHook(() => useMessages(live.live, "tick", { limit: 2 }), strictly)
  const latest = renderHook(() => useLatest(live.live, "said"), strictly)
  await pass(live, 100)
  for (const tick of [1, 2, 3]) live.hub.send("tick", tick)
  live.hub.send("said", { text: "hi" })
  await pass(live, 100)
  expect(list.result.current).toEqual([2, 3])
  expect(latest.result.current).toEqual({ text: "hi" })
})

it("a request follows its input, and an earlier one is aborted", async () => {
  const live = startLive()
  const { result, rerender } = renderHook(({ text }) => useRequest(live.live, "find", { text }), {
    initialProps: { text: "slow" },
  })
  await pass(live, 100)
  expect(result.current).toMatchObject({ status: "pending", isPending: true, data: undefined })
  rerender({ text: "b" })
  await pass(live, 500)
  expect(result.current).toMatchObject({ status: "success", isPending: false, data: "found b" })
  expect(live.log).toContain("aborted slow")
  rerender({ text: "nothing" })
  await pass(live, 500)
  expect(result.current).toMatchObject({ status: "error", error: { code: "request-failed" } })
  const asked = live.log.length
  act(() => result.current.refetch())
  expect(result.current.isPending).toBe(true)
  await pass(live, 500)
  expect(live.log.length).toBe(asked + 1)
})

it("a request that is not enabled waits", async () => {
  const live = startLive()
  const { result, rerender } = renderHook(({ enabled }) => useRequest(live.live, "count", undefined, { enabled }), {
    initialProps: { enabled: false },
  })
  await pass(live, 100)
  expect(result.current).toMatchObject({ status: "idle", isPending: false })
  rerender({ enabled: true })
  await pass(live, 100)
  expect(result.current.data).toBe(7)
})

it("unmounting in the middle of a stream ends its generator at the hub", async () => {
  const live = startLive()
  const { result, unmount } = renderHook(() => useStream(live.live, "words", "first", { limit: 2 }))
  expect(result.current).toMatchObject({ status: "pending", data: [] })
  await pass(live, 200)
  expect(result.current).toMatchObject({ status: "pending", data: ["second", "third"] })
  expect(live.log).toEqual([])
  unmount()
  await pass(live, 61_000)
  expect(live.log).toEqual(["words ended"])
})

it("a call arrives although its component goes, and tells its state until then", async () => {
  const live = startLive()
  const { result, unmount } = renderHook(() => useCall(live.live, "find"), strictly)
  await pass(live, 100)
  expect(result.current.status).toBe("idle")
  act(() => void result.current.call({ text: "a" }))
  expect(result.current.isPending).toBe(true)
  await pass(live, 200)
  expect(result.current).toMatchObject({ status: "success", data: "found a" })
  const slow = result.current.call({ text: "slow" })
  unmount()
  vi.advanceTimersByTime(60_000)
  await pass(live, 6_000)
  expect(await slow).toBe("found slow")
  await pass(live, 1)
  vi.advanceTimersByTime(5_000)
  expect(live.made[0]?.status).toBe("closed")
})

function Page({ live }: { live: SharedChannel<Chat> }): ReactNode {
  const { status } = useStatus(live)
  const { status: asking } = useRequest(live, "count")
  return createElement("p", null, `${status} ${asking} ${useMessages(live, "said").length} ${useChannel(live)?.status}`)
}

it("a server renders without a channel, and the page takes over what it rendered", async () => {
  const relative = shareChannel(() => createChannel<Chat>("/everwire"))
  const html = renderToString(createElement(Page, { live: relative }))
  expect(html).toBe("<p>connecting pending 0 undefined</p>")
  expect(relative.channel).toBeUndefined()
  const live = startLive()
  const container = document.body.appendChild(document.createElement("div"))
  container.innerHTML = html
  const errors = vi.spyOn(console, "error")
  onTestFinished(() => errors.mockRestore())
  const root = await act(() => hydrateRoot(container, createElement(Page, { live: live.live })))
  await pass(live, 200)
  expect(container.textContent).toBe("open success 0 open")
  expect(errors).not.toHaveBeenCalled()
  act(() => root.unmount())
})

it("misuse is told with what to do", () => {
  vi.spyOn(console, "error").mockImplementation(() => {})
  onTestFinished(() => void vi.restoreAllMocks())
  const { live } = startLive()
  // @ts-expect-error not what shareChannel returns
  expect(() => renderHook(() => useStatus({}))).toThrow("the first argument is what shareChannel returns")
  // @ts-expect-error a channel is no function
  expect(() => shareChannel({})).toThrow("() => createChannel(url)")
  expect(() => shareChannel(() => createChannel("http://hub"), { closeAfterMs: Number.NaN })).toThrow("closeAfterMs")
  expect(() => renderHook(() => useMessages(live, "said", { limit: 0 }))).toThrow("limit is 1 or more")
})

it("types come from the contract", () => {
  type Live = SharedChannel<Chat>
  const types = (live: Live) => {
    expectTypeOf(useMessages(live, "said")).toEqualTypeOf<readonly { text: string }[]>()
    expectTypeOf(useLatest(live, "tick")).toEqualTypeOf<number | undefined>()
    expectTypeOf(useRequest(live, "find", { text: "a" }).data).toEqualTypeOf<string | undefined>()
    expectTypeOf(useStream(live, "words", "a").data).toEqualTypeOf<readonly string[]>()
    expectTypeOf(useCall(live, "find").call({ text: "a" })).toEqualTypeOf<Promise<string>>()
    // @ts-expect-error no such message
    useMessages(live, "none")
    // @ts-expect-error the input is missing
    useRequest(live, "find")
    // @ts-expect-error a stream is no request
    useRequest(live, "words", "a")
  }
  expect(types).toBeTypeOf("function")
})
