import { PROBE_MS, VERDICT_MS } from "../../../wire/defaults.ts"
import type { Connections, ConnectionsHost } from "../../transport.ts"

/**
 * How many connections streams and polls may occupy. A browser opens six to a host over HTTP/1.1, for all tabs
 * together; the other two stay free for requests that are answered at once.
 */
const HELD_CONNECTIONS = 4
/** How long to wait until locks are granted and other tabs have answered. In milliseconds. */
const SLOT_MS = 50
/**
 * After a yield, how long this tab occupies no connection, in milliseconds: each new try could block another tab again.
 */
const IN_DOUBT_MS = 120_000
/**
 * Upper limit of the wait for an answer, in milliseconds. A round trip seems long if requests wait for a connection.
 */
const MOST_ANSWER_MS = 1_000

/** Name of the verdict that occupying connections does not work here. */
const HELD = "held"

/** The parts of a browser that this file uses. Each is missing on some platform. */
interface Browser {
  readonly location?: unknown
  readonly navigator?: { readonly locks?: LockManager }
  readonly performance?: { getEntries?(): { readonly name: string; readonly nextHopProtocol?: string }[] }
  readonly BroadcastChannel?: typeof BroadcastChannel
}

/**
 * Shares the few connections of a browser between tabs. Decides when a link of a channel may occupy one and when it
 * yields it. To be set as the `holds` of a dialer. The tabs of an origin use Web Locks: one lock for each connection,
 * and a tab takes the first that is free. The browser releases the lock of a tab that is closed or crashes. Without Web
 * Locks, as on a page without TLS, the tabs ask each other by BroadcastChannel, and the tabs that asked first may
 * occupy a connection.
 */
export function shareConnections({ runtime, url, verdicts, changed }: ConnectionsHost): Connections {
  /** Cut from the URL as text, which the channel has normalized, because React Native's `URL` has no `origin`. */
  const origin = url.split("/", 3).join("/")
  /** Aborting it gives the slot back. One slot is enough: of two links that occupy a connection, one is closed soon. */
  let slot: AbortController | undefined
  /** Whether the slot is granted, and from when on `isTaken` can be relied on: before `knownAt` it may still change. */
  let isTaken = true
  let knownAt = 0

  /**
   * Whether connections are scarce. They are not outside browsers, nor over HTTP/2 and HTTP/3, where one carries
   * everything.
   */
  const areFew = (): boolean => {
    const { location, performance } = globalThis as Browser
    const isOne = performance
      ?.getEntries?.()
      .some((e) => e.name.startsWith(origin) && /^h[23]/.test(`${e.nextHopProtocol}`))
    return !!location && !isOne
  }

  const tell = (taken: boolean): void => {
    isTaken = taken
    knownAt = 0
    if (!taken) slot?.abort() // the next climb asks for a slot again
    changed()
  }

  /** Asks for a slot. Aborting `signal` ends the wait, or gives the slot back. */
  const askForSlot = (signal: AbortSignal): void => {
    const { navigator, BroadcastChannel } = globalThis as Browser
    const locks = navigator?.locks
    const name = `everwire:${origin}`
    isTaken = !locks
    if (locks) {
      const take = (): Promise<unknown> | undefined => {
        // The browser keeps the lock until the promise settles. A second lock is given back at once.
        if (isTaken || signal.aborted) return undefined
        tell(true)
        return new Promise((resolve) => {
          signal.onabort = resolve
        })
      }
      for (let lock = 0; lock < HELD_CONNECTIONS; lock++) {
        // The request rejects when `signal` aborts, and where locks are forbidden, as in a sandbox.
        locks.request(`${name}:${lock}`, { signal }, take).catch(take)
      }
    } else if (BroadcastChannel) {
      try {
        const tabs = new BroadcastChannel(name)
        const askedAt = runtime.now() + runtime.random()
        const elders = new Set<number>()
        // A tab asks by sending the time. A tab that asked earlier answers with its own time, negated.
        tabs.onmessage = ({ data }) => {
          if (data > askedAt) tabs.postMessage(-askedAt)
          else if (Math.abs(data) < askedAt && elders.add(Math.abs(data)).size === HELD_CONNECTIONS) tell(false)
        }
        tabs.postMessage(askedAt)
        signal.onabort = () => tabs.close()
      } catch {
        // Storage is forbidden on this page, so the tabs cannot be counted.
      }
    }
  }

  const isCrowded = (): boolean =>
    verdicts.brokenUntil(HELD, runtime.now()) > 0 || (!isTaken && runtime.now() >= knownAt)

  return {
    isCrowded,
    freeAt() {
      if (!slot) {
        slot = new AbortController()
        isTaken = true
        knownAt = areFew() ? runtime.now() + SLOT_MS : 0
        if (knownAt) askForSlot(slot.signal)
      }
      return isCrowded() ? Infinity : knownAt
    },
    leave(waits) {
      if (waits && !isTaken && !slot?.signal.aborted) return
      slot?.abort()
      slot = undefined
    },
    yieldAfter(leastMs, rttMs, run) {
      if (!areFew()) return undefined
      const answerMs = Math.min(MOST_ANSWER_MS, Math.max(PROBE_MS, 4 * rttMs))
      return runtime.after((leastMs + answerMs) * (1 + runtime.random()), () => {
        verdicts.condemn(HELD, runtime.now() - VERDICT_MS + IN_DOUBT_MS)
        run()
      })
    },
  }
}
