import { expect } from "vitest"
import type { RealCluster } from "./real-cluster.ts"
import type { Talk } from "./talk.ts"

/** What became of a talk through a fault that may end sessions. */
export interface Outcome {
  readonly resets: number
  /** Messages that the channel said and nobody heard, and that it was told to be uncertain. */
  readonly uncertain: number
  /** Messages of processes whose session was lost, which the channel did not hear. */
  readonly lostDown: number
}

/**
 * Both sides stop and what is on its way arrives. Asserts what holds through every fault: nothing comes twice; what one
 * process hears and what the channel hears is in order; what a channel said was heard, or the channel was told that it is
 * uncertain; what a process said was heard, or it had the session before a reset.
 */
export async function expectHonest(cluster: RealCluster, talk: Talk): Promise<Outcome> {
  const { journal } = cluster
  const { name } = talk
  await talk.hush()
  const uncertain = new Set(talk.resets.flatMap(({ messages }) => messages.map(({ data }) => Number(data))))
  const missing = (): number[] => {
    const heard = new Set(journal.of(name).heard)
    return Array.from({ length: talk.said }, (_, number) => number).filter((number) => !heard.has(number))
  }
  const unheard = (): string[] => {
    const heard = new Set(talk.heard)
    // The last process that said something has the session.
    const { said } = journal.of(name)
    const [last = ""] = said.at(-1)?.split(".") ?? []
    return said.filter((text) => text.startsWith(`${last}.`) && !heard.has(text))
  }
  await expect
    .poll(() => [missing().filter((number) => !uncertain.has(number)), talk.resets.length > 0 ? [] : unheard()], {
      timeout: 30_000,
      message: `${name}: what was said, and neither heard nor told to be uncertain`,
    })
    .toEqual([[], []])
  await talk.channel.flush()
  const { heard, heardAt, said, begun } = journal.of(name)
  expect(heard.filter((number, at) => heard.indexOf(number) !== at)).toEqual([])
  for (const process of new Set(heardAt)) {
    const there = heard.filter((_, at) => heardAt[at] === process)
    expect([process, there]).toEqual([process, there.toSorted((one, other) => one - other)])
  }
  const places = new Map(said.map((text, place) => [text, place]))
  const order = talk.heard.map((text) => places.get(text) ?? -1)
  expect(order).toEqual([...new Set(order)].toSorted((one, other) => one - other))
  const resets = talk.resets.length
  expect(begun.filter(([, how]) => how === "new").length).toBe(1 + resets)
  // A coded end each time.
  for (const { closing } of talk.resets) expect(closing.code).toMatch(/^session-|^hub-closing$/)
  return { resets, uncertain: missing().length, lostDown: said.length - talk.heard.length }
}
