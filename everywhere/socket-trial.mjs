// @ts-check
// One library over `everwire/socket`, on one transport: without a fault, and through each fault. Numbers go both ways, 50 a
// second each; each has to arrive once and in order, and the library has to notice nothing: its one connection stays open.
// `run.mjs` starts it beside the library, with the fault proxy of the tests.

import { createServer } from "node:http"
import { createChannel } from "everwire"
import { createHub } from "everwire/node"
import { createWebSocketClass } from "everwire/socket"
import { createWebSocketServer } from "everwire/socket-server"
// @ts-expect-error -- both stand beside it when it is run
import { FaultProxy } from "./fault-proxy.mjs"
// @ts-expect-error
import { connect, serve } from "./library.mjs"

/** It lasts so long at least, and until so many numbers were sent each way. */
const LASTS_MS = 6_000
const NUMBERS = 200
const EVERY_MS = 20
/** How long everything may take to arrive when the last fault is over. */
const SETTLE_MS = 20_000

const transport = /** @type {import("everwire").TransportName} */ (process.env.TRANSPORT)
// @ts-expect-error -- it is set by the one who starts it
const fault = /** @type {string} */ (process.env.FAULT)

/** What befalls the connections at 1, 3 and 5 s. */
const FAULTS = {
  none() {},
  reset() {
    proxy.reset()
    proxy.refuseFor(300)
  },
  silence() {
    proxy.silence()
    setTimeout(() => proxy.thaw(), 1_500)
  },
  "answers lost"() {
    proxy.loseAnswers()
  },
}

const server = createServer()
const hub = createHub()
/** @type {unknown[]} */
const errors = []
const failed = (/** @type {unknown} */ error) => void errors.push(error)
hub.onError(failed)
hub.attach(server)
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)))
const proxy = await FaultProxy.start(/** @type {import("node:net").AddressInfo} */ (server.address()).port)

/** What was sent and heard in one direction. */
const track = () => ({ sent: 0, /** @type {number[]} */ heard: [] })
const [up, down] = [track(), track()]
/** @type {((n: number) => void)[]} */
const pushes = []
const push = (/** @type {(n: number) => void} */ to) => void pushes.push(to)
let isOver = false

/** The numbers that go down, for libraries that iterate. */
async function* numbers() {
  /** @type {number[]} */
  const waiting = []
  let wake = () => {}
  push((n) => {
    waiting.push(n)
    wake()
  })
  while (!isOver) {
    yield* waiting.splice(0)
    if (waiting.length === 0) {
      await new Promise((resolve) => {
        wake = () => resolve(undefined)
      })
    }
  }
}

const sockets = createWebSocketServer(hub)
let connections = 0
sockets.on("connection", (socket) => {
  connections++
  socket.on("close", (code) => isOver || failed(new Error(`a socket closed with ${code}`)))
})
serve(sockets, { heard: (/** @type {number} */ n) => up.heard.push(n), push, numbers })

const channel = createChannel(proxy.url, { transports: [transport], store: null })
channel.onReset(() => failed(new Error("the session was reset")))
let links = 0
channel.onStatus((status) => status === "open" && links++)
const library = await connect({
  WebSocket: createWebSocketClass(channel),
  url: "ws://localhost/library",
  heard: (/** @type {number} */ n) => down.heard.push(n),
  failed,
})
if (fault === "answers lost") {
  let asked = 0
  proxy.judge = (/** @type {{ method: string }} */ { method }) =>
    method === "POST" && ++asked % 15 === 0 ? "lose-answer" : "pass"
}
for (const ms of [1_000, 3_000, 5_000]) setTimeout(FAULTS[/** @type {keyof FAULTS} */ (fault)], ms)
const talking = setInterval(() => {
  library.send(up.sent++)
  for (const to of pushes) to(down.sent)
  if (pushes.length > 0) down.sent++
}, EVERY_MS)
await new Promise((resolve) => setTimeout(resolve, LASTS_MS))
while (Math.min(up.sent, down.sent) < NUMBERS) await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
clearInterval(talking)
proxy.judge = () => "pass"
proxy.thaw()

const until = Date.now() + SETTLE_MS
const settled = () => [up, down].every(({ sent, heard }) => heard.length >= sent)
while (!settled() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
isOver = true
await library.close()
const inOrder = ({ sent, heard } = up) => heard.length === sent && heard.every((n, at) => n === at)
const word = `${up.heard.length}/${up.sent} up, ${down.heard.length}/${down.sent} down, ${connections} connections, ${links} links`
for (const error of errors) console.log(`error: ${error}`)
const isRight = [up, down].every(inOrder) && errors.length === 0
if (isRight) console.log(`everywhere: ok ${word}`)
else console.log(`error: ${word}`)
process.exit(isRight ? 0 : 1)
