/** The events of a page that matter to a channel. Each comes from the HTML or the Page Lifecycle specification. */
export interface PageHost {
  /**
   * The network or the page is back: the channel checks its link at once. `forgive`: the network may be another one, so
   * what the channel has learned of the old one no longer counts.
   */
  nudge(forgive: boolean): void
  /**
   * The page is being put away. `forEver`: it will not come back. Otherwise it is frozen, or goes into the back/forward
   * cache, which browsers refuse to a page with an open connection.
   */
  park(forEver: boolean): void
}

type Listenable = Partial<Pick<EventTarget, "addEventListener">>

/** Listens to the page's events, on a platform that has them. Returns a function that stops listening. */
export function watchPage(host: PageHost): () => void {
  const { document } = globalThis as { document?: Document } // absent in Node and workers
  const page: Listenable = globalThis // has no listeners in Node
  const watching = new AbortController()
  const on = (target: Listenable | undefined, event: string, run: (event: Event) => void): void =>
    target?.addEventListener?.(event, run, watching)
  const look = (): void => host.nudge(false)
  on(page, "online", () => host.nudge(true))
  // Browsers often report "offline" wrongly. So the channel only probes its link, and does not take it for dead.
  on(page, "offline", look)
  on(page, "pageshow", (event) => (event as PageTransitionEvent).persisted && look())
  let parked: Event
  // Firefox may interrupt a script that runs while its tab is being closed, but still calls the next listener. So there
  // are two.
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
