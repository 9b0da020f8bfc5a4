/**
 * Browsers open six connections to a host over HTTP/1.1, for all tabs together. So many of them may be held by streams and
 * polls; the others are for what is answered at once.
 */
const HELD_CONNECTIONS = 4

/** What this needs of a browser. Each part is missing somewhere. */
interface Browser {
  readonly location?: unknown
  readonly navigator?: { readonly locks?: LockManager }
  readonly performance?: { getEntries?(): { readonly name: string; readonly nextHopProtocol?: string }[] }
  readonly BroadcastChannel?: typeof BroadcastChannel
}

/** The URL is one that `checkUrl` wrote. React Native's `URL` has no `origin`. */
const originOf = (url: string): string => url.split("/", 3).join("/")

/** Whether connections to this hub are few. Over HTTP/2 and HTTP/3 one carries everything, and only browsers count. */
export function areFew(url: string): boolean {
  const { location, performance } = globalThis as Browser
  const origin = originOf(url)
  const isOne = performance
    ?.getEntries?.()
    .some((e) => e.name.startsWith(origin) && /^h[23]/.test(`${e.nextHopProtocol}`))
  return location !== undefined && !isOne
}

/**
 * The right to hold one connection to a hub, or the wait for it. The tabs of an origin share it out by Web Locks: there is
 * a lock for each connection, and whichever is free first is taken. A tab that is closed or crashes gives its own back.
 * Where there are no locks, as on a page without TLS, it is there at once, and tabs that get no answer call the others.
 */
export class Slot {
  isTaken = false
  readonly askedAt: number
  readonly #leaving = new AbortController()
  #tabs: BroadcastChannel | undefined

  /** `taken` is called when it was not there at once, and is now; `called` when another tab gets no answer. */
  constructor(url: string, now: number, taken: () => void, called: () => void) {
    this.askedAt = now
    const { navigator, BroadcastChannel } = globalThis as Browser
    const locks = navigator?.locks
    const isFew = areFew(url)
    const name = `everwire:${originOf(url)}`
    this.isTaken = !locks || !isFew
    if (!locks && isFew && BroadcastChannel) {
      this.#tabs = new BroadcastChannel(name)
      this.#tabs.onmessage = called
    }
    if (this.isTaken) return
    const { signal } = this.#leaving
    const take = (): Promise<void> | undefined => {
      // The lock is kept until the promise is settled; a second one is given back at once.
      if (this.isTaken || signal.aborted) return undefined
      this.isTaken = true
      taken()
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()))
    }
    for (let lock = 0; lock < HELD_CONNECTIONS; lock++) {
      // Rejected when it is not waited for any more, and where locks are forbidden, as in a sandbox.
      locks?.request(`${name}:${lock}`, { signal }, take).catch(take)
    }
  }

  /** Tells the other tabs that nothing is answered here: what they hold may be what it waits for. */
  call(): void {
    this.#tabs?.postMessage(0)
  }

  /** Gives it back, or waits no longer. */
  leave(): void {
    this.#leaving.abort()
    this.#tabs?.close()
  }
}
