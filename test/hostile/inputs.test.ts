// One test for each hostile input of the table in `inputs/`. After each input a healthy channel still works, no error
// was thrown, and the hub keeps as much as before.

import { afterEach, describe, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { INPUTS } from "./inputs/all.ts"
import { LESSONS, type Lesson, PLACES } from "./inputs/lessons.ts"

afterEach(disposeAll)

const lessons = Object.keys(LESSONS) as Lesson[] // The keys of LESSONS.

describe.each(lessons)("%s", (lesson) => {
  const inputs = INPUTS.filter((input) => input.lesson === lesson)
  it.each(inputs.map((input) => [input.place, input.title, input] as const))("%s: %s", async (_, __, input) => {
    const { run, outcome, options, told = [] } = input
    const arena = await startArena(options?.())
    expect(await run(arena)).toBe(outcome)
    await arena.settled(told.map((code) => expect.objectContaining({ code })))
  })
})

describe("the table of hostile inputs", () => {
  it("has at least 400 inputs, each with a title of its own", () => {
    expect(INPUTS.length).toBeGreaterThanOrEqual(400)
    const titles = INPUTS.map(({ lesson, place, title }) => `${lesson}, ${place}: ${title}`)
    expect(titles.filter((title, at) => titles.indexOf(title) < at)).toEqual([])
  })

  it("names 41 advisories", () => {
    const advisories = lessons.flatMap((lesson): readonly string[] => LESSONS[lesson].advisories)
    expect(new Set(advisories).size).toBe(41)
  })

  it.each(lessons)("has an input for each place that the mistake could reach: %s", (lesson) => {
    const tried = new Set(INPUTS.filter((input) => input.lesson === lesson).map(({ place }) => place))
    expect(PLACES.filter((place) => tried.has(place))).toEqual(
      PLACES.filter((place) => (LESSONS[lesson].reaches as readonly string[]).includes(place)),
    )
  })
})
