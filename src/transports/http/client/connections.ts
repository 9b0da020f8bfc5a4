import { PROBE_MS, VERDICT_MS } from "../../../wire/defaults.ts"
import type { Connections, ConnectionsHost } from "../../transport.ts"

/**
 * Browsers open six connections to a host over HTTP/1.1, for all tabs together. So many of them may be held by streams and
 * polls; the others are for what is answered at once.
 */
const HELD_CONNECTIONS = 4
/** Locks need a few of these to be granted, and tabs to answer. In milliseconds. */
const SLOT_MS = 50
/** After a yield nothing is held for so long, in milliseconds: each trial could silence a tab again. */
const IN_DOUBT_MS = 120_000
/** A round trip counts up to this, because where requests wait for connections it seems long. In milliseconds. */
const MOST_ANSWER_MS = 1_000

/** The verdict that holding connections does not work here. */
const HELD = "held"

/** What this needs of a browser. Each part is missing somewhere. */
interface Browser {
  readonly location?: unknown
  readonly navigator?: { readonly locks?: LockManager }
  readonly performance?: { getEntries?(): { readonly name: string; readonly nextHopProtocol?: string }[] }
  readonly BroadcastChannel?: typeof BroadcastChannel
}

/**
 * Shares the few connections of a browser: which links of a channel may hold one, and when one is yielded to others. For
 * the `holds` of a dialer. The tabs of an origin share by Web Locks: there is a lock for each connection, and whichever is
 * free first is taken. A tab that is closed or crashes gives its own back. Where there are no locks, as on a page without
 * TLS, the tabs ask each other, and those that asked first may hold.
 */
export function shareConnections({ runtime, url, verdicts, changed }: ConnectionsHost): Connections {
  /** The URL is one that the channel wrote. React Native's `URL` has no `origin`. */
  const origin = url.split("/", 3).join("/")
  /** Gives the slot back. One is enough: of two links that would hold a connection, one is let go soon. */
  let slot: AbortController | undefined
  /** Whether it is there, or was when it was given back, and since when that is known. */
  let isTaken = true
  let knownAt = 0

  /** Whether connections are few. Over HTTP/2 and HTTP/3 one carries everything, and only browsers count. */
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
    if (!taken) slot?.abort() // it is asked for again in the next climb
    changed()
  }

  /** Asks for a slot until it is given back by `signal`. */
  const askForSlot = (signal: AbortSignal): void => {
    const { navigator, BroadcastChannel } = globalThis as Browser
    const locks = navigator?.locks
    const name = `everwire:${origin}`
    isTaken = !locks
    if (locks) {
      const take = (): Promise<unknown> | undefined => {
        // The lock is kept until the promise is settled; a second one is given back at once.
        if (isTaken || signal.aborted) return undefined
        tell(true)
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
        const askedAt = runtime.now() + runtime.random()
        const elders = new Set<number>()
        // A tab asks with the time. One that asked before answers with its own, below zero.
        tabs.onmessage = ({ data }) => {
          if (data > askedAt) tabs.postMessage(-askedAt)
          else if (Math.abs(data) < askedAt && elders.add(Math.abs(data)).size === HELD_CONNECTIONS) tell(false)
        }
        tabs.postMessage(askedAt)
        signal.onabort = () => tabs.close()
      } catch {
        // Storage is forbidden here: nobody counts.
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
