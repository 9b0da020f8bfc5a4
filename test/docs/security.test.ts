import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createHub } from "everwire/node"
import { describe, expect, it } from "vitest"
import { HELLO_DEADLINE_MS } from "../../src/server/admission/judges.ts"
import { checkOrigin, readPolicy } from "../../src/server/admission/origin-check.ts"
import { MAX_BATCH_PACKETS } from "../../src/server/limits/backlog.ts"
import { LEAST_PIECE_BYTES } from "../../src/server/limits/pieces.ts"
import { WORK_LIMITS } from "../../src/server/limits/work-limits.ts"
import { UNUSED_WINDOW_MS } from "../../src/server/sessions/resume-window.ts"
import { MAX_SPARE_LINKS, SPARE_LINK_MS } from "../../src/server/sessions/spare-links.ts"
import {
  MAX_KEPT_BYTES,
  MAX_SESSIONS,
  MAX_SESSIONS_PER_ADDRESS,
  MAX_UNWELCOMED_LINKS,
  MAX_UNWELCOMED_LINKS_PER_ADDRESS,
  maxBatchBytes,
  RESUME_WINDOW_MS,
} from "../../src/server/settings.ts"
import { MAX_ENVELOPE_BYTES } from "../../src/transports/http/envelope.ts"
import * as defaults from "../../src/wire/defaults.ts"
import { explanations } from "../../src/wire/errors.ts"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

const document = readDocument("docs/security.md")

/** "16 KiB", "100,000" or "5 s" as bytes, a count or milliseconds. */
function figure(text: string): number {
  const [, digits = "", unit = "1"] = /([\d.,]+)(?: (KiB|MiB|s))?/.exec(text) ?? []
  const factors: Readonly<Record<string, number>> = { "1": 1, KiB: 1024, MiB: 1024 ** 2, s: 1000 }
  return Number(digits.replaceAll(",", "")) * (factors[unit] ?? Number.NaN)
}

describe("docs/security.md", () => {
  const caps: Readonly<Record<string, number>> = {
    "a hello, with what comes before the welcome": defaults.MAX_HELLO_BYTES,
    "a payload": defaults.MAX_PAYLOAD_BYTES,
    sessions: MAX_SESSIONS,
    "sessions of one address": MAX_SESSIONS_PER_ADDRESS,
    "links without a welcome": MAX_UNWELCOMED_LINKS,
    "links without a welcome of one address": MAX_UNWELCOMED_LINKS_PER_ADDRESS,
    "links of one session beside the one in use": MAX_SPARE_LINKS,
    "a body or a frame of who is not welcomed": defaults.MAX_HELLO_BYTES + MAX_ENVELOPE_BYTES,
    "bodies above 17 KiB of one link that are read at once": 2 * defaults.EXCHANGES_AT_ONCE,
    "bytes kept for one peer": defaults.MAX_OUTBOX_BYTES,
    "bytes kept for all peers together": MAX_KEPT_BYTES,
  }
  it.each(Object.entries(caps))("states the limit on %s", (what, value) => {
    const row = tableUnder(document, "Caps", "what", "bound").rows.find((candidate) => candidate["what"] === what)
    expect(figure(cell(row, "bound"))).toBe(value)
  })

  const work: Readonly<Record<string, number>> = {
    "packets of a peer per second": WORK_LIMITS.maxMessagesPerSecond,
    "bytes of a peer per second": WORK_LIMITS.maxBytesPerSecond,
    "HTTP requests on a link per second": WORK_LIMITS.maxExchangesPerSecond,
    "the same three, for all peers and strangers of an address": WORK_LIMITS.maxShareOfAddress,
    "messages per second that what one peer sends makes the hub say": WORK_LIMITS.maxFanOutPerSecond,
    "hellos of one address per second": WORK_LIMITS.maxHellosPerSecond,
    "calls of `authenticate` at once": WORK_LIMITS.maxAuthentications,
    "calls of `authenticate` per second, of all addresses": WORK_LIMITS.maxAuthenticationsPerSecond,
    "bytes of a peer's requests that are being answered": WORK_LIMITS.maxRequestBytes,
    "levels of arrays and objects in a payload": WORK_LIMITS.maxDepth,
    "packets in a batch": MAX_BATCH_PACKETS,
    "bytes in a piece of a body, on average, from the 257th piece on": LEAST_PIECE_BYTES,
  }
  it.each(Object.entries(work))("states the limit of work on %s", (what, value) => {
    const row = tableUnder(document, "Work", "what", "bound").rows.find((candidate) => candidate["what"] === what)
    expect(figure(cell(row, "bound"))).toBe(value)
  })

  it("has a row for each option that limits work", () => {
    const options = tableUnder(document, "Work", "what", "bound", "option").rows.map((row) => cell(row, "option"))
    expect(options.filter((option) => option !== "")).toEqual(Object.keys(WORK_LIMITS).map((name) => `limits.${name}`))
  })

  it("states roughly how large a batch may be", () => {
    const row = tableUnder(document, "Caps", "what").rows.find(({ what }) => what?.startsWith("a batch"))
    expect(figure(cell(row, "bound")) / maxBatchBytes(defaults.MAX_PAYLOAD_BYTES)).toBeCloseTo(1, 1)
  })

  const deadlines: Readonly<Record<string, number>> = {
    "a hello, and its judgement": HELLO_DEADLINE_MS,
    "a request body, for each KiB of it": defaults.BODY_DEADLINE_MS,
    "what was sent to a client, for each KiB that it takes": defaults.TAKE_DEADLINE_MS,
    "a spare link that is not taken": SPARE_LINK_MS,
    "a link that says nothing": defaults.HEARTBEAT_TIMEOUT_MS,
    "a session that never said anything, without a link": UNUSED_WINDOW_MS,
    "a session without a link": RESUME_WINDOW_MS,
  }
  it.each(Object.entries(deadlines))("states the deadline of %s", (what, value) => {
    const row = tableUnder(document, "Deadlines", "what").rows.find((candidate) => candidate["what"] === what)
    expect(figure(cell(row, "deadline"))).toBe(value)
  })

  it("states which origins the Origin check allows, row by row", () => {
    const all = readPolicy("*")
    const own = readPolicy(["https://app.example"], false, ["hub.example"])
    const unnamed = readPolicy(["https://app.example"])
    const other = readPolicy(undefined, false, ["other.example"])
    const requests: readonly (readonly [typeof own, Readonly<Record<string, string>>])[][] = [
      [
        [other, {}],
        [other, { origin: "https://hub.example" }],
      ],
      [
        [own, { origin: "https://hub.example" }],
        [own, { origin: "https://app.example", cookie: "a=b" }],
      ],
      [
        [own, { origin: "https://other.example" }],
        [own, { origin: "null" }],
      ],
      [
        [unnamed, { origin: "https://hub.example" }],
        [unnamed, { "sec-fetch-site": "same-origin" }],
      ],
      [[all, { origin: "https://other.example" }]],
      [[all, { origin: "https://other.example", cookie: "a=b" }]],
      [[own, {}]],
      [
        [own, { cookie: "a=b", "sec-fetch-site": "same-origin" }],
        [own, { cookie: "a=b", referer: "https://hub.example/page" }],
      ],
      [
        [own, { cookie: "a=b" }],
        [own, { cookie: "a=b", "sec-fetch-site": "cross-site" }],
      ],
    ]
    const verdicts = requests.map((row) =>
      row.map(([policy, headers]) => {
        const all: Readonly<Record<string, string>> = { host: "hub.example", ...headers }
        return checkOrigin({ header: (name) => all[name] }, policy) === undefined ? "let in" : "refused"
      }),
    )
    const { rows } = tableUnder(document, "Origin", "the request has", "and", "it is")
    const written = rows.map((row) => cell(row, "it is").split(/[,:]/)[0])
    expect(verdicts.map(([first]) => first)).toEqual(written)
    for (const row of verdicts) expect(new Set(row).size).toBe(1)
  })

  describe("names only what exists", () => {
    /** The rows of all tables that say where a limit is enforced, and which test shows it. */
    const rows = document.tables.filter(({ columns }) => columns.includes("counter")).flatMap((table) => table.rows)
    const sources = readdirSync(`${root}src`, { recursive: true }).map((file) => `src/${String(file)}`)
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Record<string, string> }
    /** The names in backticks in the cells of these columns. */
    const named = (...columns: string[]): string[] => [
      ...new Set(
        rows.flatMap((row) =>
          columns.flatMap((column) => Array.from((row[column] ?? "").matchAll(/`([^`]+)`/g), ([, name = ""]) => name)),
        ),
      ),
    ]

    it("in many rows", () => {
      expect(rows.length).toBeGreaterThan(45)
      for (const row of rows) expect(row["test"]).not.toBe("")
    })

    it.each(named("where", "enforced in"))("the file %s", (file) => {
      expect(sources.filter((source) => source === file || source.endsWith(`/${file}`))).toHaveLength(1)
    })

    it.each(named("option"))("the option %s", (option) => {
      const [name = "", inner] = option.split(".")
      // An option that does not exist is misuse, whatever its value.
      const create = (): unknown =>
        createHub(inner === undefined ? { [name]: undefined } : { [name]: { [inner]: undefined } })
      expect(create).not.toThrow()
    })

    it.each(named("counter"))("the counter %s", (counter) => {
      const [, name = "", code] = /^(\w+)(?:\["([\w-]+)"\])?$/.exec(counter) ?? []
      expect(Object.keys(createHub().stats())).toContain(name)
      if (code !== undefined) expect(Object.keys(explanations)).toContain(code)
    })

    it.each(named("test"))("the test %s", (test) => {
      const [, script] = /^npm run (\S+)/.exec(test) ?? []
      if (script === undefined) expect(existsSync(root + test)).toBe(true)
      else expect(Object.keys(scripts)).toContain(script)
    })
  })
})
