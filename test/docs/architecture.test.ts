import { readdirSync } from "node:fs"
import { Session as Inspector } from "node:inspector/promises"
import { createRequire } from "node:module"
import { Socket } from "node:net"
import { dirname } from "node:path"
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { WebSocket } from "ws"
import { disposeAll, startDuo } from "../support/hub-server.ts"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

afterEach(disposeAll)

const document = readDocument("ARCHITECTURE.md")

/** Text in the test's messages, by which they are recognised in what is written to the network. */
const MARK = "the message that is followed"

/**
 * The number of messages that are followed. Code that runs for each is on the way; code that runs for some is beside
 * it.
 */
const FOLLOWED = 6

/** The code that ran for one message. */
interface Seen {
  /** The functions of `src` that ran between the call of `send` and the call of the handler, as `file function`. */
  readonly ran: ReadonlySet<string>
  /**
   * The files of `src` on the stack when it was encoded, when it was given to the network and when its handler was
   * called.
   */
  readonly stacked: ReadonlySet<string>
}

/** The files of `src` whose functions are on the stack now. */
function stackedFiles(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = Infinity
  Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName() ?? "")
  // `prepareStackTrace` above returns an array.
  const files = new Error().stack as unknown as string[]
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  return files.flatMap((file) => nameOf(file) ?? [])
}

/** The path of a file below `src`; undefined for every other file. */
function nameOf(path: string): string | undefined {
  return /\/src\/(.*\.ts)$/.exec(path)?.[1]
}

/** Sends messages over a real server and returns, for each, the code that ran. */
async function follow(transport: "websocket" | "long-poll", way: "up" | "down"): Promise<Seen[]> {
  const { hub, channel, peer } = await startDuo({}, { transports: [transport] })
  const inspector = new Inspector()
  inspector.connect()
  onTestFinished(() => inspector.disconnect())
  await inspector.post("Profiler.enable")
  await inspector.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })

  let stacked = new Set<string>()
  const look = (): void => {
    for (const file of stackedFiles()) stacked.add(file)
  }
  const data = {
    get text() {
      look()
      return MARK
    },
  }
  const { write } = Socket.prototype
  vi.spyOn(Socket.prototype, "write").mockImplementation(function (this: Socket, ...given: unknown[]) {
    if (String(given[0]).includes(MARK)) look()
    return Reflect.apply(write, this, given) as boolean // The signature of write().
  })
  const { send } = WebSocket.prototype
  vi.spyOn(WebSocket.prototype, "send").mockImplementation(function (this: WebSocket, ...given: unknown[]) {
    if (String(given[0]).includes(MARK)) look()
    Reflect.apply(send, this, given)
  })
  const { fetch } = globalThis
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    if (String(init?.body).includes(MARK)) look()
    return fetch(input, init)
  })
  onTestFinished(() => void vi.restoreAllMocks())

  const takeCoverage = () => inspector.post("Profiler.takePreciseCoverage")
  let heard = (): void => {}
  hub.on("up", () => heard())
  channel.on("down", () => heard())
  const seen: Seen[] = []
  for (let count = 0; count < FOLLOWED; count++) {
    await channel.flush()
    await peer.flush()
    stacked = new Set()
    await takeCoverage() // Resets the counts of what ran before.
    const coverage = await new Promise<Awaited<ReturnType<typeof takeCoverage>>>((resolve, reject) => {
      heard = () => {
        look()
        takeCoverage().then(resolve, reject) // The profiler takes its counts before any later code runs.
      }
      if (way === "up") channel.send("up", data)
      else peer.send("down", data)
    })
    const ran = coverage.result.flatMap(({ url, functions }) => {
      const file = nameOf(url)
      if (file === undefined) return []
      return functions
        .filter(({ ranges, functionName }) => (ranges[0]?.count ?? 0) > 0 && functionName !== "")
        .map(({ functionName }) => `${file} ${functionName}`)
    })
    seen.push({ ran: new Set(ran), stacked })
  }
  // The first message is left out, because code that runs only once ran for it.
  return seen.slice(1)
}

interface Step {
  readonly file: string
  readonly functions: readonly string[]
}

/** The names in a cell, which are in backticks and separated by commas. */
function listed(row: Readonly<Record<string, string>>, column: string): string[] {
  const names = cell(row, column).replaceAll("`", "")
  return names === "" ? [] : names.split(", ")
}

/** The rows of a table that lists the files of a way. */
function stepsUnder(heading: string): Step[] {
  return tableUnder(document, heading, "file", "functions").rows.map((row) => ({
    file: cell(row, "file"),
    functions: listed(row, "functions"),
  }))
}

/** The file in a `file function` entry. */
function fileOf(ran: string): string {
  return ran.split(" ")[0] ?? ""
}

const beside = tableUnder(document, "Beside the way", "file").rows.map((row) => cell(row, "file"))

/** The files in which functions ran for any message, on any way. */
const everRan = new Set<string>()

describe.each([
  { heading: "Up over WebSocket", transport: "websocket", way: "up" },
  { heading: "Down over WebSocket", transport: "websocket", way: "down" },
  { heading: "Up over long-poll", transport: "long-poll", way: "up" },
  { heading: "Down over long-poll", transport: "long-poll", way: "down" },
] as const)("a message's way: $heading", ({ heading, transport, way }) => {
  const steps = stepsUnder(heading)
  const files = steps.map(({ file }) => file)

  it("lists the files in which functions run for every message, and no others", async () => {
    const seen = await follow(transport, way)
    const [first = new Set<string>()] = seen.map(({ ran }) => ran)
    const always = [...first].filter((each) => seen.every(({ ran }) => ran.has(each)))
    const running = [...new Set(always.map(fileOf))]
    // Leftover work of the message before may run now, so files that are listed as beside the way may appear.
    const known = new Set([...files, ...beside])
    expect(running.filter((file) => !known.has(file))).toEqual([])
    expect(files.filter((file) => !running.includes(file))).toEqual([])
    for (const file of seen.flatMap(({ ran }) => [...ran].map(fileOf))) everRan.add(file)
    const named = steps.flatMap(({ file, functions }) => functions.map((name) => `${file} ${name}`))
    expect(named.filter((each) => !always.includes(each))).toEqual([])
    // A file on the stack when the message is encoded, written or heard passes it on, so it belongs to the way.
    const stacked = new Set(seen.flatMap((one) => [...one.stacked]))
    expect([...stacked].filter((file) => !files.includes(file))).toEqual([])
    expect(stacked.size).toBeGreaterThan(9)
  })

  it("has the number of files that its text says", () => {
    const { prose } = document
    const counts = /^(\d+) files on the way\.$/m.exec(prose.slice(prose.indexOf(`### ${heading}\n`)))
    expect(counts?.slice(1).map(Number)).toEqual([files.length])
    expect(new Set(files).size).toBe(files.length)
  })
})

it("a message's way: each file beside it runs for some message, on one of the ways", () => {
  expect(beside.filter((file) => !everRan.has(file))).toEqual([])
})

interface Rule {
  readonly from: { readonly path?: string | readonly string[]; readonly pathNot?: string | readonly string[] }
  readonly to: {
    readonly path?: string | readonly string[]
    readonly pathNot?: string | readonly string[]
    readonly dependencyTypesNot?: readonly string[]
  }
}
const { forbidden } = createRequire(import.meta.url)(`${root}.dependency-cruiser.cjs`) as { forbidden: Rule[] }

/** Whether a pattern matches a path. Missing patterns give `absent`. */
function isFound(patterns: string | readonly string[] | undefined, path: string, absent: boolean): boolean {
  if (patterns === undefined) return absent
  return [patterns].flat().some((pattern) => new RegExp(pattern).test(path))
}

/** Whether no rule of the import table forbids this import, at least of types. */
function mayImport(from: string, to: string): boolean {
  const isIn = ({ path, pathNot }: Rule["from"], file: string): boolean =>
    isFound(path, `src/${file}`, true) && !isFound(pathNot, `src/${file}`, false)
  return !forbidden.some(
    ({ from: subject, to: object }) =>
      object.path !== undefined &&
      !object.dependencyTypesNot?.includes("type-only") &&
      isIn(subject, from) &&
      isIn(object, to),
  )
}

describe("the rooms of ARCHITECTURE.md", () => {
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  )
  const rooms = tableUnder(document, "The rooms", "room", "what it is for", "may import").rows
  const inner = document.tables.filter(({ heading }) => heading === "The rooms").flatMap(({ rows }) => rows)
  const names = inner.map((row) => cell(row, "room"))
  /** The files of a room, except those of other rooms in the import table. */
  const filesIn = (room: string): string[] =>
    sources.filter(
      (file) =>
        file.startsWith(`${room}/`) &&
        !rooms.some(
          (other) => other["room"] !== room && file.startsWith(`${other["room"]}/`) && other["room"]?.startsWith(room),
        ),
    )

  it("are all folders of src", () => {
    const folders = new Set(sources.filter((file) => file.includes("/")).map((file) => dirname(file)))
    expect([...folders].filter((folder) => !names.includes(folder))).toEqual([])
    expect(names.filter((name) => !sources.some((file) => file.startsWith(`${name}/`)))).toEqual([])
  })

  it.each(rooms.map((row) => [cell(row, "room"), row] as const))(
    "%s: may import what the enforced table allows",
    (room, row) => {
      const allowed = listed(row, "may import")
      for (const other of rooms.map((each) => cell(each, "room"))) {
        if (other === room || other.startsWith(`${room}/`)) continue
        const permitted = filesIn(other).filter((file) => filesIn(room).some((own) => mayImport(own, file)))
        const written = filesIn(other).filter((file) =>
          allowed.some((path) => path === file || (path.startsWith(other) && file.startsWith(`${path}/`))),
        )
        // A room may be named as a whole although some of its files are forbidden, such as one half of a transport.
        if (allowed.includes(other)) expect(permitted.length, other).toBeGreaterThan(0)
        else expect(permitted, other).toEqual(written)
      }
    },
  )
})
