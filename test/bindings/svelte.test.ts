import {
  type SharedChannel,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "everwire/svelte"
import { flushSync, mount, unmount } from "svelte"
import { SvelteMap } from "svelte/reactivity"
import { afterEach, beforeEach, expect, expectTypeOf, it, vi } from "vitest"
import { type Chat, type Live, startLive } from "./live.ts"
import Shown from "./Shown.svelte"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  vi.useRealTimers()
})

/** Mounts a component that shows this. */
function show(make: () => () => unknown): { readonly text: string | null; gone(): Promise<void> } {
  const target = document.createElement("div")
  const component = mount(Shown, { target, props: { make } })
  flushSync()
  return {
    get text() {
      flushSync()
      return target.textContent
    },
    gone: () => unmount(component),
  }
}

/** Lets time pass, and Svelte do what it does in microtasks. */
async function pass(live: Live, ms: number): Promise<void> {
  flushSync()
  await live.pass(ms)
  flushSync()
  await live.pass(0)
}

it("two components open one channel, and it closes when both are gone for a while", async () => {
  const live = startLive()
  const first = show(() => {
    const status = useStatus(live.live)
    return () => `${status.current.status} ${status.current.transport}`
  })
  const second = show(() => {
    const channel = useChannel(live.live)
    return () => channel.current?.transport
  })
  expect(live.made.length).toBe(1)
  await pass(live, 100)
  expect(first.text).toBe("open websocket")
  expect(live.hub.peers.size).toBe(1)
  await first.gone()
  await pass(live, 0)
  vi.advanceTimersByTime(60_000)
  expect(live.made[0]?.status).toBe("open")
  await second.gone()
  await pass(live, 0)
  vi.advanceTimersByTime(4_999)
  const again = show(() => {
    const status = useStatus(live.live)
    return () => status.current.status
  })
  vi.advanceTimersByTime(60_000)
  expect(again.text).toBe("open")
  expect(live.made.map(({ status }) => status)).toEqual(["open"])
  await again.gone()
  await pass(live, 0)
  vi.advanceTimersByTime(5_000)
  await pass(live, 2_000)
  expect(live.made.map(({ status }) => status)).toEqual(["closed"])
})

it("the newest messages are kept, up to the limit", async () => {
  const live = startLive()
  const shown = show(() => {
    const list = useMessages(live.live, "tick", { limit: 2 })
    const latest = useLatest(live.live, "said")
    return () => `${list.current.join()} ${latest.current?.text}`
  })
  await pass(live, 100)
  for (const tick of [1, 2, 3]) live.hub.send("tick", tick)
  live.hub.send("said", { text: "hi" })
  await pass(live, 100)
  expect(shown.text).toBe("2,3 hi")
})

it("a request follows its input, and an earlier one is aborted", async () => {
  const live = startLive()
  const input = new SvelteMap([["text", "slow"]])
  let refetch = (): void => {}
  const shown = show(() => {
    const found = useRequest(live.live, "find", () => ({ text: input.get("text") ?? "" }))
    refetch = () => found.refetch()
    return () => `${found.status} ${found.isPending} ${found.data} ${found.error?.code}`
  })
  await pass(live, 100)
  expect(shown.text).toBe("pending true undefined undefined")
  input.set("text", "b")
  await pass(live, 500)
  expect(shown.text).toBe("success false found b undefined")
  expect(live.log).toContain("aborted slow")
  input.set("text", "nothing")
  await pass(live, 500)
  expect(shown.text).toBe("error false undefined request-failed")
  const asked = live.log.length
  refetch()
  expect(shown.text).toContain("pending true")
  await pass(live, 500)
  expect(live.log.length).toBe(asked + 1)
})

it("a request that is not enabled waits", async () => {
  const live = startLive()
  const flags = new SvelteMap([["enabled", false]])
  const shown = show(() => {
    const count = useRequest(live.live, "count", undefined, () => ({ enabled: flags.get("enabled") }))
    return () => `${count.status} ${count.data}`
  })
  await pass(live, 100)
  expect(shown.text).toBe("idle undefined")
  flags.set("enabled", true)
  await pass(live, 100)
  expect(shown.text).toBe("success 7")
})

it("unmounting in the middle of a stream ends its generator at the hub", async () => {
  const live = startLive()
  const shown = show(() => {
    const words = useStream(live.live, "words", "first", { limit: 2 })
    return () => `${words.status} ${words.data.join()}`
  })
  await pass(live, 200)
  expect(shown.text).toBe("pending second,third")
  await shown.gone()
  await pass(live, 61_000)
  expect(live.log).toEqual(["words ended"])
})

it("a call tells its state", async () => {
  const live = startLive()
  let call = (): Promise<string> => Promise.reject(new Error("not mounted"))
  const shown = show(() => {
    const find = useCall(live.live, "find")
    call = () => find.call({ text: "a" })
    return () => `${find.status} ${find.data}`
  })
  await pass(live, 100)
  expect(shown.text).toBe("idle undefined")
  const answer = call()
  expect(shown.text).toBe("pending undefined")
  await pass(live, 200)
  expect([shown.text, await answer]).toEqual(["success found a", "found a"])
})

it("types come from the contract", () => {
  const types = (live: SharedChannel<Chat>) => {
    expectTypeOf(useMessages(live, "said").current).toEqualTypeOf<readonly { text: string }[]>()
    expectTypeOf(useLatest(live, "tick").current).toEqualTypeOf<number | undefined>()
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
