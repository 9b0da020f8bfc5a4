import { afterEach, describe, expect, it, vi } from "vitest"
import { watchPage } from "../../src/client/page.ts"

/** A window and a document that exist for one test. */
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
  it("nudges and forgives when the network comes back", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(new Event("online"))
    expect(calls).toEqual(["nudge true"])
  })

  it("takes offline as a reason to ask the wire, not to drop it", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(new Event("offline"))
    expect(calls).toEqual(["nudge false"])
  })

  it("lets go of the wire when the page is put away and comes back with it", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }))
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }))
    expect(calls).toEqual(["park false", "nudge false"])
  })

  it("leaves with a page that cannot come back", () => {
    const { window } = openPage()
    const { calls } = listen()
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }))
    expect(calls).toEqual(["park true"])
  })

  it("does not take the first showing of a page for a return", () => {
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

  it("nudges when the page becomes visible and not when it is hidden", () => {
    const { document } = openPage()
    const { calls } = listen()
    document.visibilityState = "hidden"
    document.dispatchEvent(new Event("visibilitychange"))
    expect(calls).toEqual([])
    document.visibilityState = "visible"
    document.dispatchEvent(new Event("visibilitychange"))
    expect(calls).toEqual(["nudge false"])
  })

  it("hears nothing more once stopped", () => {
    const { window, document } = openPage()
    const { calls, stop } = listen()
    stop()
    for (const event of ["online", "offline", "pagehide"]) window.dispatchEvent(new Event(event))
    document.dispatchEvent(new Event("freeze"))
    expect(calls).toEqual([])
  })

  it("is content where there is no page", () => {
    vi.stubGlobal("addEventListener", undefined)
    vi.stubGlobal("removeEventListener", undefined)
    vi.stubGlobal("document", undefined)
    expect(() => listen().stop()).not.toThrow()
  })
})
