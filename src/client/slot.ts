import type { Runtime } from "../kernel/runtime.ts"

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
 * Asks for the right to hold one connection to a hub, until it is given back by `signal`. The tabs of an origin share it out
 * by Web Locks: there is a lock for each connection, and whichever is free first is taken. A tab that is closed or crashes
 * gives its own back. Where there are no locks, as on a page without TLS, the tabs ask each other, and those that asked first
 * may hold. Answers whether it is there while nothing else is `told`.
 */
export function askForSlot(
  url: string,
  { now, random }: Runtime,
  signal: AbortSignal,
  told: (isTaken: boolean) => void,
): boolean {
  const { navigator, BroadcastChannel } = globalThis as Browser
  const locks = navigator?.locks
  const name = `everwire:${originOf(url)}`
  if (locks) {
    let isTaken = false
    const take = (): Promise<unknown> | undefined => {
      // The lock is kept until the promise is settled; a second one is given back at once.
      if (isTaken || signal.aborted) return undefined
      isTaken = true
      told(true)
      return new Promise((resolve) => {
        signal.onabort = resolve
      })
    }
    for (let lock = 0; lock < HELD_CONNECTIONS; lock++) {
      // Rejected when it is not waited for any more, and where locks are forbidden, as in a sandbox.
      locks.request(`${name}:${lock}`, { signal }, take).catch(take)
    }
  } else if (BroadcastChannel) {
    try {
      const tabs = new BroadcastChannel(name)
      const askedAt = now() + random()
      const elders = new Set<number>()
      // A tab asks with the time. One that asked before answers with its own, below zero.
      tabs.onmessage = ({ data }) => {
        if (data > askedAt) tabs.postMessage(-askedAt)
        else if (Math.abs(data) < askedAt && elders.add(Math.abs(data)).size === HELD_CONNECTIONS) told(false)
      }
      tabs.postMessage(askedAt)
      signal.onabort = () => tabs.close()
    } catch {
      // Storage is forbidden here: nobody counts.
    }
  }
  return !locks
}
