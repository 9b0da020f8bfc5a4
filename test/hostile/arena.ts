import type { Socket } from "node:net"
import type { Channel } from "everwire"
import type { NodeHubOptions } from "everwire/node"
import { expect } from "vitest"
import { connect, type HubServer, onDispose, startHub } from "../support/hub-server.ts"
import { createClock } from "./clock.ts"

/** A hub under attack, on a clock of its own, with a healthy peer that must notice nothing. */
export interface Arena extends HubServer {
  readonly healthy: Channel
  /** What the hub has told its owner, and what would have ended the process. */
  readonly errors: readonly unknown[]
  /** Lets time pass at the hub while the healthy peer keeps talking. */
  pass(ms: number): Promise<void>
  /**
   * Asserts that the healthy peer is served and that nothing of the attack is left: sockets, sessions, timers, errors but
   * those that the hub's owner is to be told.
   */
  settled(told?: readonly unknown[]): Promise<void>
}

/** How long a hub keeps anything of a session that nobody comes back to. */
const EVERYTHING_IS_FORGOTTEN_MS = 160_000

export async function startArena(options: NodeHubOptions = {}): Promise<Arena> {
  const { runtime, advance, pending } = createClock()
  const started = await startHub({ runtime, ...options })
  const { hub, server, sockets } = started
  const errors = watchErrors()
  hub.onError((error) => errors.push(error))
  hub.handle("echo", (data) => data)
  const healthy = await connect(started.url, { transports: ["websocket"] })
  let said = 0
  const talk = async (): Promise<void> => {
    expect(await healthy.request("echo", ++said)).toBe(said)
  }
  await talk()
  const base = { sessions: hub.peers.size, timers: pending() }
  const own = new Set<Socket>(sockets)
  const pass = async (ms: number): Promise<void> => {
    // The hub hangs up on who is silent for 30 s.
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
      // Connections that clients keep for their next request are no leak.
      server.closeIdleConnections()
      await Promise.all([...sockets].filter((socket) => !own.has(socket)).map(closed))
      expect({ sessions: hub.peers.size, timers: pending() }).toEqual(base)
      expect([...errors, ...runtime.reported]).toEqual(told)
      const incidents = healthy.explain().incidents.map(({ what }) => what)
      expect(incidents).toEqual(["dialed", "welcomed", "took-over"])
    },
  }
}

/** Everything that would have ended the process. */
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
