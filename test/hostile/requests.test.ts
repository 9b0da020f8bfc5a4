// Requests as nobody should make them, drawn from a grammar. `FUZZ=100000 npx vitest run test/hostile/requests.test.ts` tries
// so many, in rounds of other seeds.

import { afterEach, describe, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { tryAll } from "./requests.ts"

afterEach(disposeAll)

const ROUND = 500
const rounds = Math.ceil(Number(process.env["FUZZ"] ?? ROUND) / ROUND)

describe("requests of any shape", () => {
  it.each(Array.from({ length: rounds }, (_, round) => round + 1))(
    "are answered or ended, harm nobody and leave nothing: seed %i",
    async (seed) => {
      const arena = await startArena()
      // An upgrade whose headers are damaged looks like one that middleware has lost: the hub's owner is told, once.
      const told: unknown[] = []
      arena.hub.onError((error) => Object(error).code === "misuse" && told.push(error))
      const outcomes = await tryAll(arena, seed, ROUND)
      const bad = outcomes.filter(({ statuses, isUnanswered }) => isUnanswered || statuses.includes(500))
      expect(bad.map(({ input, statuses }) => ({ statuses, input: input.bytes.toString("latin1") }))).toEqual([])
      // Of what was asked at all, much has come as far as the hub.
      const codes = new Set(outcomes.flatMap(({ statuses }) => statuses))
      for (const status of [101, 200, 204, 400, 403, 404, 405]) expect(codes).toContain(status)
      await arena.settled(told)
    },
  )
})
