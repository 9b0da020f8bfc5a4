import { expect, it } from "vitest"
import { isThenable } from "../../src/session/thenable.ts"

it.each<[unknown, boolean]>([
  [Promise.resolve(), true],
  // biome-ignore lint/suspicious/noThenProperty: a promise of another make is the point
  [{ then: () => {} }, true],
  // biome-ignore lint/suspicious/noThenProperty: looks like one and is none
  [{ then: "later" }, false],
  [null, false],
  [undefined, false],
  ["then", false],
])("a promise of any library is told from other answers: %o", (value, thenable) => {
  expect(isThenable(value)).toBe(thenable)
})
