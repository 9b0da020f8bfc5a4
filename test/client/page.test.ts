import { createChannel } from "everwire"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it, vi } from "vitest"
import { watchPage } from "../../src/client/page.ts"
import { callSafely } from "../../src/session/call-safely.ts"

/** Defines a window and a document for one test. */
function openPage(): { window: EventTarget; document: EventTarget & { visibilityState: string } } {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" })
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window))
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window))
  vi.stubGlobal("document", document)
  return { window, document }
}

function listen(): { calls: string[]; stop: () => void } {
  const calls: string[] = []
  const stop = watchPage({
    nudge: (forgive) => calls.push(`nudge ${forgive}`),
    park: (forEver) => calls.push(`park ${forEver}`),
  })
  return { calls, stop }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe("the life of a page", () => {
  it("makes the channel look at its link and forget its verdicts when the network comes back", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(new Event("online"))
    expect(calls).toEqual(["nudge true"])
  })

  it("probes the link when the page goes offline, and does not drop it", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(new Event("offline"))
    expect(calls).toEqual(["nudge false"])
  })

  it("parks the link when the page is put away, and resumes when the page comes back", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }))
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }))
    expect(calls).toEqual(["park false", "nudge false"])
  })

  it("closes the channel with a page that cannot come back", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }))
    expect(calls).toEqual(["park true"])
  })

  it("closes only once, although Firefox removes the listener while it runs", () => {
    const listeners: ((event: Event) => void)[] = []
    vi.stubGlobal("addEventListener", (type: string, run: (event: Event) => void) => {
      if (type === "pagehide") listeners.push(run)
    })
    const calls: boolean[] = []
    watchPage({
      nudge() {},
      park(forEver) {
        calls.push(forEver)
        if (calls.length === 1) throw new Error("broken off")
      },
    })
    for (let hidden = 0; hidden < 2; hidden++) {
      const event = Object.assign(new Event("pagehide"), { persisted: false })
      for (const listener of listeners)
        callSafely(
          () => listener(event),
          () => {},
        )
    }
    expect(calls).toEqual([true, true, true])
  })

  it("sends the bye beside the links before anything else, because there may be no time for more", async () => {
    const { window } = openPage()
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const done: string[] = []
    const dialer = network.dialer("sse")
    createHub({ runtime, transports: [network.acceptor("sse")] })
    const channel = createChannel("http://hub", {
      runtime,
      store: null,
      transports: [
        {
          ...dialer,
          leave: () => {
            done.push("leave")
            return Promise.resolve()
          },
          dial: (target, sink) => {
            const link = dialer.dial(target, sink)
            const close = link.close.bind(link)
            const send = link.send.bind(link)
            link.close = (why) => {
              done.push("close")
              close(why)
            }
            link.send = (batch) => {
              done.push("send")
              send(batch)
            }
            return link
          },
        },
      ],
    })
    channel.onStatus((status) => done.push(status))
    await runtime.pass(1_000)
    done.length = 0
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }))
    expect(done).toEqual(["leave", "send", "close", "closed"])
  })

  it("does not take the first time that a page is shown for a return", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }))
    expect(calls).toEqual([])
  })

  it("parks a frozen page and resumes it", () => {
    const { document } = openPage()
    const { calls } = listen()
    document.dispatchEvent(new Event("freeze"))
    document.dispatchEvent(new Event("resume"))
    expect(calls).toEqual(["park false", "nudge false"])
  })

  it("makes the channel look at its link when the page becomes visible, and not when it is hidden", () => {
    const { document } = openPage()
    const { calls } = listen()
    document.visibilityState = "hidden"
    document.dispatchEvent(new Event("visibilitychange"))
    expect(calls).toEqual([])
    document.visibilityState = "visible"
    document.dispatchEvent(new Event("visibilitychange"))
    expect(calls).toEqual(["nudge false"])
  })

  it("calls nothing after it was stopped", () => {
    const { window, document } = openPage()
    const { calls, stop } = listen()
    stop()
    for (const event of ["online", "offline", "pagehide"]) window.dispatchEvent(new Event(event))
    document.dispatchEvent(new Event("freeze"))
    expect(calls).toEqual([])
  })

  it("does nothing where there is no page", () => {
    vi.stubGlobal("addEventListener", undefined)
    vi.stubGlobal("removeEventListener", undefined)
    vi.stubGlobal("document", undefined)
    expect(() => listen().stop()).not.toThrow()
  })
})
