import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

/** For each feature that README's table says everwire has: a test, or a folder of tests, that shows it. */
const tests: Readonly<Record<string, string>> = {
  WebSocket: "test/laws/websocket.test.ts",
  SSE: "test/laws/sse.test.ts",
  "long-poll": "test/laws/long-poll.test.ts",
  "short-poll": "test/laws/short-poll.test.ts",
  "a WebSocket that opens and stays silent": "test/journeys/five-faults.test.ts",
  "goes back to a better transport later": "test/journeys/switching.test.ts",
  "same order and no loss across such a change": "test/journeys/exactly-once.test.ts",
  "resumes after a break": "test/journeys/exactly-once.test.ts",
  "exactly once, in order, in both directions": "test/model",
  "requests with answers": "test/api/requests.test.ts",
  "streams of items with back-pressure, both directions": "test/api/streams.test.ts",
  "messages that may be dropped": "test/delivery/classes.test.ts",
  "`Date`, `Map`, `bigint` and bytes inside of data": "test/codecs",
  "`send` says when to stop, `writable()`": "test/api/flow.test.ts",
  "a slow reader is bounded on the server": "test/server/kept-bytes.test.ts",
  "schemas check what arrives": "test/contract",
  "types for both ends": "test/types",
  "credentials renewed while connected": "test/auth",
  "a limit for each thing a stranger can cause": "test/hostile/bounds.test.ts",
  "transports of your own, with a test suite": "test/laws/saboteurs",
  "a network in virtual time for your tests": "test/duo",
  "a process that ends in a deploy": "test/server/drain.test.ts",
  "counters and events for your monitoring": "test/observe",
  "rooms, broadcasts": "test/api/rooms.test.ts",
  "several server processes": "test/cluster/any-process.test.ts",
  "sessions outlive a process that is killed": "test/cluster/durable/crash.test.ts",
}

describe("README.md", () => {
  const { rows } = tableUnder(readDocument("README.md"), "Beside others", "feature", "everwire")
  const named = rows.filter((row) => cell(row, "everwire") !== "no").map((row) => cell(row, "feature"))

  it("claims no feature beside others that no test shows", () => {
    expect(named).toEqual(Object.keys(tests))
  })

  it.each(Object.entries(tests))("%s: the test exists", (_, path) => {
    expect(existsSync(root + path)).toBe(true)
  })
})
