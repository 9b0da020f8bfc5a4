import { createChannel } from "everwire"
import { afterEach, describe, expect, it, vi } from "vitest"
import { disposeAll, onDispose, startHub, transports } from "../support/hub-server.ts"

afterEach(async () => {
  vi.unstubAllGlobals()
  await disposeAll()
})

/** As jsdom does it: its signals are unknown to Node's own classes. */
class ForeignSignal extends EventTarget {
  aborted = false
}
class ForeignAbortController {
  readonly signal = new ForeignSignal()
  abort(): void {
    this.signal.aborted = true
    this.signal.dispatchEvent(new Event("abort"))
  }
}

describe("on Node", () => {
  it.each(transports)("%s works, and ends, where a test runner has replaced AbortController", async (transport) => {
    const { hub, url } = await startHub()
    hub.handle("sum", (numbers) => (numbers as number[]).reduce((sum, number) => sum + number))
    vi.stubGlobal("AbortController", ForeignAbortController)
    // Newer versions of Node refuse a foreign signal; the oldest supported one accepts it.
    const own = fetch
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
      expect(init.signal === undefined || init.signal instanceof AbortSignal).toBe(true)
      return own(url, init)
    })
    const channel = createChannel(url, { transports: [transport] })
    onDispose(() => channel.close())
    expect(await channel.request("sum", [20, 22])).toBe(42)
    await channel.close()
    expect(channel.status).toBe("closed")
  })

  it("localStorage is not touched, because newer versions of Node warn about that", async () => {
    const looked = vi.fn()
    Object.defineProperty(globalThis, "localStorage", { get: looked, configurable: true })
    onDispose(() => Reflect.deleteProperty(globalThis, "localStorage"))
    const { url } = await startHub()
    const channel = createChannel(url)
    await channel.opened
    await channel.close()
    expect(looked).not.toHaveBeenCalled()
  })
})
