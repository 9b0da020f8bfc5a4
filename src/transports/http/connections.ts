import { PROBE_MS, VERDICT_MS } from "../../kernel/defaults.ts"
import type { Connections, ConnectionsHost } from "../transport.ts"

/**
 * Browsers open six connections to a host over HTTP/1.1, for all tabs together. So many of them may be held by streams and
 * polls; the others are for what is answered at once.
 */
const HELD_CONNECTIONS = 4
/** A slot is waited for so long before it counts as taken by others. Web Locks need a few of these. In milliseconds. */
const SLOT_MS = 50
/** What is answered so soon after a link was yielded had waited for its connection. In milliseconds. */
const YIELDED_MS = 2_000
/** After a yield nothing is held for so long, in milliseconds, whatever it told: each trial could silence all tabs. */
const IN_DOUBT_MS = 30_000
/** A round trip counts up to this, because where requests wait for connections it seems long. In milliseconds. */
const MOST_ANSWER_MS = 1_000

/** The verdict that holding connections does not work here. */
const HELD = "held connections"

/** What this needs of a browser. Each part is missing somewhere. */
interface Browser {
  readonly location?: unknown
  readonly navigator?: { readonly locks?: LockManager }
  readonly performance?: { getEntries?(): { readonly name: string; readonly nextHopProtocol?: string }[] }
  readonly BroadcastChannel?: typeof BroadcastChannel
}

/**
 * Shares the few connections of a browser: which links of a channel may hold one, and when one is yielded to others. For
 * the `holds` of a dialer. The tabs of an origin share by Web Locks: there is a lock for each connection, a slot, and
 * whichever is free first is taken. A tab that is closed or crashes gives its own back. Where there are no locks, as on a
 * page without TLS, a slot is there at once, and tabs that get no answer call the others.
 */
export function shareConnections({ runtime, url, verdicts, freed, called }: ConnectionsHost): Connections {
  /** The URL is one that the channel wrote. React Native's `URL` has no `origin`. */
  const origin = url.split("/", 3).join("/")
  /** The slot, or the wait for it. One is enough: of two links that would hold a connection, one is let go soon. */
  let slot: { isTaken: boolean; readonly knownAt: number } | undefined
  let leaving: AbortController
  let tabs: BroadcastChannel | undefined
  /** When a link was yielded last. */
  let yieldedAt = 0

  /** Whether connections are few. Over HTTP/2 and HTTP/3 one carries everything, and only browsers count. */
  const areFew = (): boolean => {
    const { location, performance } = globalThis as Browser
    const isOne = performance
      ?.getEntries?.()
      .some((e) => e.name.startsWith(origin) && /^h[23]/.test(`${e.nextHopProtocol}`))
    return !!location && !isOne
  }

  const askForSlot = (): NonNullable<typeof slot> => {
    const { navigator, BroadcastChannel } = globalThis as Browser
    const isFew = areFew()
    const locks = isFew ? navigator?.locks : undefined
    const name = `everwire:${origin}`
    const asked = { isTaken: !locks, knownAt: runtime.now() + SLOT_MS }
    leaving = new AbortController()
    const { signal } = leaving
    const take = (): Promise<void> | undefined => {
      // The lock is kept until the promise is settled; a second one is given back at once.
      if (asked.isTaken || signal.aborted) return undefined
      asked.isTaken = true
      freed()
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()))
    }
    for (let lock = 0; lock < HELD_CONNECTIONS; lock++) {
      // Rejected when it is not waited for any more, and where locks are forbidden, as in a sandbox.
      locks?.request(`${name}:${lock}`, { signal }, take).catch(take)
    }
    if (isFew && !locks && BroadcastChannel) {
      tabs = new BroadcastChannel(name)
      tabs.onmessage = called
    }
    return asked
  }

  const isCrowded = (): boolean =>
    verdicts.brokenUntil(HELD, runtime.now()) > 0 || (slot?.isTaken === false && runtime.now() >= slot.knownAt)

  return {
    isCrowded,
    freeAt() {
      slot ??= askForSlot()
      if (isCrowded()) return Infinity
      return slot.isTaken ? 0 : slot.knownAt
    },
    call: () => tabs?.postMessage(0),
    leave(waits) {
      if (!slot || (waits && !slot.isTaken)) return
      leaving.abort()
      tabs?.close()
      slot = tabs = undefined
    },
    yieldAfter(leastMs, rttMs, run) {
      if (!areFew()) return undefined
      const answerMs = Math.min(MOST_ANSWER_MS, Math.max(PROBE_MS, 4 * rttMs))
      return runtime.after((leastMs + answerMs) * (1 + runtime.random()), () => {
        yieldedAt = runtime.now()
        verdicts.condemn(HELD, yieldedAt - VERDICT_MS + IN_DOUBT_MS)
        run()
      })
    },
    carried() {
      if (runtime.now() - yieldedAt <= YIELDED_MS) verdicts.condemn(HELD, runtime.now())
    },
  }
}
