import { afterEach, expect, it } from "vitest"
import { startArena } from "../hostile/arena.ts"
import { breakOff, holdsOf, moments, raw } from "../hostile/broken-connections.ts"
import { disposeAll } from "../support/hub-server.ts"

const CONNECTIONS = 3_000

afterEach(disposeAll)

// This attack ends a process of plain Node code: Node throws when an answer on a lost connection is ended.
it(`${CONNECTIONS} connections that break with refused requests on them end nothing but themselves`, async () => {
  const arena = await startArena()
  const base = holdsOf(arena)
  const evil = "Origin: https://evil.example"
  const requests = raw("GET", "pigeon") + raw("POST", "sse", "xx", evil).repeat(3)
  await breakOff(arena, () => requests, moments, CONNECTIONS)
  await arena.settled()
  expect(holdsOf(arena)).toBe(base)
})
