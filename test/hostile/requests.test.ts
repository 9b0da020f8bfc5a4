// Malformed requests from a random grammar. `FUZZ=100000 npx vitest run test/hostile/requests.test.ts` tries that many
// requests, in rounds with different seeds.

import { afterEach, describe, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { tryAll } from "./requests.ts"

afterEach(disposeAll)

const ROUND = 500
const rounds = Math.ceil(Number(process.env["FUZZ"] ?? ROUND) / ROUND)

describe("malformed requests", () => {
  it.each(Array.from({ length: rounds }, (_, round) => round + 1))(
    "are answered or their connection is ended; they affect no other client and leave nothing: seed %i",
    async (seed) => {
      const arena = await startArena()
      // An upgrade with damaged headers looks as if middleware had removed them. The hub reports that to `onError`
      // once.
      const told: unknown[] = []
      arena.hub.onError((error) => Object(error).code === "misuse" && told.push(error))
      const outcomes = await tryAll(arena, seed, ROUND)
      const bad = outcomes.filter(({ statuses, isUnanswered }) => isUnanswered || statuses.includes(500))
      expect(bad.map(({ input, statuses }) => ({ statuses, input: input.bytes.toString("latin1") }))).toEqual([])
      // A good share of the requests was accepted as far as the hub.
      const codes = new Set(outcomes.flatMap(({ statuses }) => statuses))
      for (const status of [101, 200, 204, 400, 403, 404, 405]) expect(codes).toContain(status)
      await arena.settled(told)
    },
  )
})
