// @vitest-environment jsdom
import { renderToString } from "@vue/server-renderer"
import { mount } from "@vue/test-utils"
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
} from "everwire/vue"
import { afterEach, beforeEach, expect, expectTypeOf, it, onTestFinished, vi } from "vitest"
import { createSSRApp, defineComponent, effectScope, h, isReactive, nextTick, reactive, ref, type VNode } from "vue"
import { type Chat, type Live, startLive } from "./live.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  vi.useRealTimers()
})

const pass = async (live: Live, ms: number): Promise<void> => {
  await live.pass(ms)
  await nextTick()
}

/** Mounts a component that uses this, and returns what it gave. */
function use<Given>(setup: () => Given): { readonly given: Given; unmount(): void } {
  let given: Given | undefined
  const Component = defineComponent({
    setup() {
      given = setup()
      return () => null
    },
  })
  const wrapper = mount(Component)
  return { given: given as Given, unmount: () => wrapper.unmount() } // set up while it was mounted
}

it("two components open one channel, and it closes when both are gone for a while", async () => {
  const live = startLive()
  const first = use(() => useStatus(live.live))
  const second = use(() => useChannel(live.live))
  await pass(live, 100)
  expect(first.given.value).toMatchObject({ status: "open", transport: "websocket" })
  expect(second.given.value).toBe(live.made[0])
  expect(live.hub.peers.size).toBe(1)
  first.unmount()
  vi.advanceTimersByTime(60_000)
  expect(live.made[0]?.status).toBe("open")
  second.unmount()
  vi.advanceTimersByTime(4_999)
  const again = use(() => useStatus(live.live))
  vi.advanceTimersByTime(60_000)
  expect(live.made.map(({ status }) => status)).toEqual(["open"])
  again.unmount()
  vi.advanceTimersByTime(5_000)
  await pass(live, 2_000)
  expect(live.made.map(({ status }) => status)).toEqual(["closed"])
})

it("the channel stays itself in a reactive object, whose proxies would break its private fields", async () => {
  const live = startLive()
  const { given } = use(() => useChannel(live.live))
  await pass(live, 100)
  const state = reactive({ channel: given.value })
  expect(isReactive(state.channel)).toBe(false)
  expect(state.channel?.status).toBe("open")
})

it("the newest messages are kept, up to the limit", async () => {
  const live = startLive()
  const list = use(() => useMessages(live.live, "tick", { limit: 2 }))
  const latest = use(() => useLatest(live.live, "said"))
  await pass(live, 100)
  for (const tick of [1, 2, 3]) live.hub.send("tick", tick)
  live.hub.send("said", { text: "hi" })
  await pass(live, 100)
  expect(list.given.value).toEqual([2, 3])
  expect(latest.given.value).toEqual({ text: "hi" })
})

it("a request follows its input, and an earlier one is aborted", async () => {
  const live = startLive()
  const text = ref("slow")
  const { given } = use(() => useRequest(live.live, "find", () => ({ text: text.value })))
  await pass(live, 100)
  expect([given.status.value, given.isPending.value, given.data.value]).toEqual(["pending", true, undefined])
  text.value = "b"
  await pass(live, 500)
  expect([given.status.value, given.isPending.value, given.data.value]).toEqual(["success", false, "found b"])
  expect(live.log).toContain("aborted slow")
  text.value = "nothing"
  await pass(live, 500)
  expect([given.status.value, given.error.value?.code]).toEqual(["error", "request-failed"])
  const asked = live.log.length
  given.refetch()
  expect(given.isPending.value).toBe(true)
  await pass(live, 500)
  expect(live.log.length).toBe(asked + 1)
})

it("a request that is not enabled waits", async () => {
  const live = startLive()
  const enabled = ref(false)
  const { given } = use(() => useRequest(live.live, "count", undefined, () => ({ enabled: enabled.value })))
  await pass(live, 100)
  expect([given.status.value, given.isPending.value]).toEqual(["idle", false])
  enabled.value = true
  await pass(live, 100)
  expect(given.data.value).toBe(7)
})

it("unmounting in the middle of a stream ends its generator at the hub", async () => {
  const live = startLive()
  const { given, unmount } = use(() => useStream(live.live, "words", "first", { limit: 2 }))
  expect(given.data.value).toEqual([])
  await pass(live, 200)
  expect([given.status.value, given.data.value]).toEqual(["pending", ["second", "third"]])
  unmount()
  await pass(live, 61_000)
  expect(live.log).toEqual(["words ended"])
})

it("a call tells its state", async () => {
  const live = startLive()
  const { given } = use(() => useCall(live.live, "find"))
  await pass(live, 100)
  expect(given.status.value).toBe("idle")
  const answer = given.call({ text: "a" })
  expect(given.isPending.value).toBe(true)
  await pass(live, 200)
  expect([given.status.value, given.data.value, await answer]).toEqual(["success", "found a", "found a"])
})

it("outside of components a channel is used until the scope ends", async () => {
  const live = startLive()
  const scope = effectScope()
  const status = scope.run(() => useStatus(live.live))
  await pass(live, 100)
  expect(status?.value.status).toBe("open")
  scope.stop()
  vi.advanceTimersByTime(5_000)
  expect(live.made[0]?.status).toBe("closed")
})

/** A page that uses all kinds of values. */
function usePage(live: SharedChannel<Chat>): () => VNode {
  const status = useStatus(live)
  const count = useRequest(live, "count")
  const said = useMessages(live, "said")
  const channel = useChannel(live)
  return () =>
    h("p", `${status.value.status} ${count.status.value} ${said.value.length} ${String(channel.value?.status)}`)
}
const page = (live: SharedChannel<Chat>) => defineComponent(() => usePage(live))

it("a server renders without a channel, and the page takes over what it rendered", async () => {
  const relative = shareChannel(() => createChannel<Chat>("/everwire"))
  const html = await renderToString(createSSRApp(page(relative)))
  expect(html).toBe("<p>connecting pending 0 undefined</p>")
  expect(relative.channel).toBeUndefined()
  const live = startLive()
  const container = document.body.appendChild(document.createElement("div"))
  container.innerHTML = html
  const warnings = vi.spyOn(console, "warn")
  onTestFinished(() => warnings.mockRestore())
  const app = createSSRApp(page(live.live))
  app.mount(container)
  await pass(live, 200)
  expect(container.textContent).toBe("open success 0 open")
  expect(warnings).not.toHaveBeenCalled()
  app.unmount()
})

it("types come from the contract", () => {
  const types = (live: SharedChannel<Chat>) => {
    expectTypeOf(useMessages(live, "said").value).toEqualTypeOf<readonly { text: string }[]>()
    expectTypeOf(useLatest(live, "tick").value).toEqualTypeOf<number | undefined>()
    expectTypeOf(useRequest(live, "find", ref({ text: "a" })).data.value).toEqualTypeOf<string | undefined>()
    expectTypeOf(useStream(live, "words", () => "a").data.value).toEqualTypeOf<readonly string[]>()
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
