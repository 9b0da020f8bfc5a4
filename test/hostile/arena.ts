import type { Socket } from "node:net"
import type { Channel } from "everwire"
import type { NodeHubOptions } from "everwire/node"
import { expect } from "vitest"
import { connect, type HubServer, onDispose, startHub } from "../support/hub-server.ts"
import { createClock } from "./clock.ts"

/** A hub under attack, on a clock that the test advances, with a healthy peer that must not be affected. */
export interface Arena extends HubServer {
  readonly healthy: Channel
  /** The errors that the hub gave to `onError`, and unhandled errors that would have ended the process. */
  readonly errors: readonly unknown[]
  /** Advances the hub's clock, while the healthy peer keeps sending. */
  pass(ms: number): Promise<void>
  /**
   * Asserts that the healthy peer is served and that nothing of the attack is left: no sockets, sessions or timers, and
   * no errors except those in `told`.
   */
  settled(told?: readonly unknown[]): Promise<void>
}

/** After this time a hub has forgotten all about a session that never resumes. */
const EVERYTHING_IS_FORGOTTEN_MS = 160_000

export async function startArena(options: NodeHubOptions = {}): Promise<Arena> {
  const { runtime, advance, pending } = createClock()
  const started = await startHub({ runtime, ...options })
  const { hub, server, sockets } = started
  const errors = watchErrors()
  hub.onError((error) => errors.push(error))
  hub.handle("echo", (data) => data)
  // Begins to read its input and is never done, until nobody waits for it any more.
  hub.handle("kept", (_data, _peer, { input, signal }) => {
    void input
    return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
  })
  const healthy = await connect(started.url, { transports: ["websocket"] })
  let said = 0
  const talk = async (): Promise<void> => {
    expect(await healthy.request("echo", ++said)).toBe(said)
  }
  await talk()
  const base = { sessions: hub.peers.size, timers: pending() }
  const own = new Set<Socket>(sockets)
  const pass = async (ms: number): Promise<void> => {
    // The hub ends a link on which nothing arrived for 30 s.
    for (let left = ms; left > 0; left -= 25_000) {
      advance(Math.min(left, 25_000))
      await talk()
    }
  }
  return {
    ...started,
    healthy,
    errors,
    pass,
    async settled(told = []) {
      await pass(EVERYTHING_IS_FORGOTTEN_MS)
      // Idle connections that clients keep for a next request do not count as left over.
      server.closeIdleConnections()
      await Promise.all([...sockets].filter((socket) => !own.has(socket)).map(closed))
      expect({ sessions: hub.peers.size, timers: pending() }).toEqual(base)
      expect([...errors, ...runtime.reported]).toEqual(told)
      const incidents = healthy.explain().incidents.map(({ what }) => what)
      expect(incidents).toEqual(["dialed", "welcomed", "took-over"])
    },
  }
}

/** Collects the errors that would have ended the process. */
function watchErrors(): unknown[] {
  const errors: unknown[] = []
  const watch = (error: unknown): void => void errors.push(error)
  for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, watch)
  onDispose(() => {
    for (const event of ["uncaughtException", "unhandledRejection"]) process.off(event, watch)
  })
  return errors
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())))
}
