// @ts-check
// The main process of `npm start -- --processes 2`: it starts the others, and is the proxy before them.

import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { serveProcesses } from "everwire/cluster"
import { serveFront } from "./front.mjs"
import { History } from "./history.mjs"
import { RoundRobin } from "./proxy.mjs"
import { Switches } from "./switches.mjs"

/**
 * What this process tells the others. `began` comes first.
 *
 * @typedef {import("./contract.ts").Positions} Positions
 * @typedef {import("./contract.ts").Saying} Saying
 * @typedef {{ began: { number: number, positions: Positions, history: readonly Saying[] } }
 *   | { positions: Positions } | { saying: Saying }} Told
 */

/**
 * What they tell this one: the port that they listen on, and what was said at their hub.
 *
 * @typedef {{ port: number } | { saying: Saying }} Heard
 */

/**
 * @typedef Worker
 * @property {number} number
 * @property {number | undefined} port undefined until it listens
 * @property {import("node:child_process").ChildProcess} child
 */

/** How long a process that was killed stays away, in milliseconds. */
const AWAY_MS = 2000

/** @param {number} count */
export async function startProcesses(count) {
  const switches = new Switches()
  const history = new History()
  /** Those that run, by number. */
  const workers = /** @type {Map<number, Worker>} */ (new Map())
  let isEnding = false
  const served = serveProcesses()

  /** @param {Told} told */
  const tellAll = (told, except = 0) => {
    for (const { number, child } of workers.values()) if (number !== except && child.connected) child.send(told)
  }

  /**
   * @param {number} number
   * @returns {Promise<void>} resolves when it listens
   */
  const start = (number) =>
    new Promise((resolve) => {
      const child = fork(fileURLToPath(new URL("process.mjs", import.meta.url)))
      const worker = /** @type {Worker} */ ({ number, port: undefined, child })
      workers.set(number, worker)
      child.send({ began: { number, positions: switches.positions, history: history.all } })
      child.on("message", (message) => {
        const heard = /** @type {Heard} */ (message) // process.mjs sends nothing else
        if ("port" in heard) {
          worker.port = heard.port
          return resolve()
        }
        history.add(heard.saying)
        tellAll(heard, number)
      })
      child.on("error", () => {}) // a message to a process that is just being killed
      child.once("exit", () => {
        workers.delete(number)
        if (!isEnding) setTimeout(() => !isEnding && void start(number), AWAY_MS)
        else if (workers.size === 0) void served.close().then(() => process.exit(0))
      })
    })

  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.once(signal, () => {
      isEnding = true
      for (const { child } of workers.values()) child.kill("SIGTERM")
      if (workers.size === 0) process.exit(0)
    })
  }

  const numbers = Array.from({ length: count }, (_, at) => at + 1)
  await Promise.all(numbers.map(start))

  const running = () =>
    Array.from(workers.values()).flatMap(({ number, port }) => (port === undefined ? [] : { number, port }))
  const proxy = new RoundRobin(running)
  await serveFront(switches, {
    processes: count,
    request: (request, response, otherwise) => (isForHub(request) ? proxy.request(request, response) : otherwise()),
    upgrade: (request, socket, head) => proxy.upgrade(request, socket, head),
    turned: (positions) => tellAll({ positions }),
    control: {
      path: "/processes",
      read: (query) => ({
        processes: numbers.map((number) => ({ number, runs: workers.get(number)?.port !== undefined })),
        carriers: proxy.carriers(new URLSearchParams(query).get("page") ?? ""),
      }),
      obey: ({ kill, cut }) => {
        if (typeof cut === "string") proxy.cut(cut)
        else return workers.get(Number(kill))?.child.kill("SIGKILL") ?? false
        return true
      },
    },
  })
}

/** @param {import("node:http").IncomingMessage} request */
function isForHub({ url = "" }) {
  return /^(\/page-\w+)?\/everwire\//.test(url)
}
