import { msgpack } from "everwire/msgpack"
import { backplaneLaws, codecLaws, type TransportTraits, transportLaws } from "everwire/testing"
import { expect, it } from "vitest"
import { cell, readDocument } from "./markdown"

it("docs/laws.md lists every law with its title, and no other", () => {
  // A transport that claims every trait has all laws. Listing them does not set up the transport.
  const traits = new Proxy({}, { get: () => true }) as TransportTraits
  const laws = [
    ...transportLaws({ name: "any", traits, setup: () => Promise.reject(new Error("only listed")) }),
    ...codecLaws(msgpack()),
    ...backplaneLaws({ name: "any", cuts: true, setup: () => Promise.reject(new Error("only listed")) }),
  ]
  const listed = readDocument("docs/laws.md").tables.flatMap(({ rows }) =>
    rows.map((row) => `${cell(row, "id")} | ${cell(row, "law")}`),
  )
  expect(listed).toEqual(laws.map(({ id, title }) => `${id} | ${title}`))
})
