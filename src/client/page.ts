/** What a page's life tells a channel. Every name is an event of the HTML or the Page Lifecycle specification. */
export interface PageHost {
  /** The network or the page came back. `forgive` when what was learned of the old network may not hold any more. */
  nudge(forgive: boolean): void
  /**
   * The page is put away: for ever, or it may come back (frozen, or in the back/forward cache, which an open wire would
   * prevent).
   */
  park(forEver: boolean): void
}

type Listenable = Partial<Pick<EventTarget, "addEventListener">>

/** Listens to the page, where there is one. Returns what stops it. */
export function watchPage(host: PageHost): () => void {
  const { document } = globalThis as { document?: Document } // absent in Node and workers
  const page: Listenable = globalThis // has no listeners in Node
  const watching = new AbortController()
  const on = (target: Listenable | undefined, event: string, run: (event: Event) => void): void =>
    target?.addEventListener?.(event, run, watching)
  const look = (): void => host.nudge(false)
  on(page, "online", () => host.nudge(true))
  // "offline" is often wrong: it is a reason to ask the wire, not to believe it dead.
  on(page, "offline", look)
  on(page, "pageshow", (event) => (event as PageTransitionEvent).persisted && look())
  let parked: Event
  // Firefox may break off a script that runs while its tab is closed. A second listener is called all the same.
  for (let calls = 0; calls < 2; calls++) {
    on(page, "pagehide", (event) => {
      if (parked !== event) host.park(!(event as PageTransitionEvent).persisted)
      parked = event
    })
  }
  on(document, "freeze", () => host.park(false))
  on(document, "resume", look)
  on(document, "visibilitychange", () => document?.visibilityState === "visible" && look())
  return () => watching.abort()
}
