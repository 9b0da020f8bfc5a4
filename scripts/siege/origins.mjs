// @ts-check
// Requests from pages of other origins, which the hub must refuse: on each transport, by each method and by an upgrade.

import { ask, hello, repeat, startHub, TRANSPORTS } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]

/**
 * Origins other than the hub's own, which is `http://127.0.0.1:<port>`. Some look similar to it. The https form is not
 * among them: it is the hub's own page behind a proxy that terminates TLS.
 *
 * @param {number} port
 */
const hostile = (port) => [
  "https://evil.example",
  "http://evil.example",
  "null",
  "file://",
  "chrome-extension://abcdefghijklmnop",
  `https://127.0.0.1:${port === 65_535 ? 1 : port + 1}`,
  `http://127.0.0.1:${port === 65_535 ? 1 : port + 1}`,
  "http://127.0.0.1",
  `http://localhost:${port}`,
  `http://127.0.0.1:${port}.evil.example`,
  `http://127.0.0.1:${port}@evil.example`,
  `http://evil.example/http://127.0.0.1:${port}`,
]

/** @returns {Promise<Row[]>} */
export async function origins() {
  const { hub, port, stop } = await startHub({})
  const own = `http://127.0.0.1:${port}`
  const doors = TRANSPORTS.flatMap((transport) => [
    ...METHODS.map((method) => ({ transport, method, isUpgrade: false })),
    { transport, method: "GET", isUpgrade: true },
  ])
  const knocks = hostile(port).flatMap((origin) => doors.map((door) => ({ ...door, origin })))
  let data = 0
  let upgrades = 0
  let unanswered = 0
  await repeat(knocks.length, async (n) => {
    const knock = knocks[n]
    if (knock === undefined) return
    const status = await knockAt(port, knock)
    data += Number(status >= 200 && status < 300)
    upgrades += Number(status === 101)
    unanswered += Number(status === 0)
  })
  const sessions = hub.stats().sessions
  // Without this check the counts above would prove nothing.
  const statuses = [
    await knockAt(port, { transport: "long-poll", method: "POST", isUpgrade: false, origin: own }),
    await knockAt(port, { transport: "websocket", method: "GET", isUpgrade: true, origin: own }),
  ]
  await stop()
  return [
    { what: `of ${knocks.length} knocks answered with data`, value: data, most: 0, unit: "" },
    { what: "of them upgraded", value: upgrades, most: 0, unit: "" },
    { what: "of them not answered", value: unanswered, most: 0, unit: "" },
    { what: "sessions that began", value: sessions, most: 0, unit: "" },
    {
      what: "of 2 pages of the hub's own origin, refused",
      value: Number(statuses[0] !== 200) + Number(statuses[1] !== 101),
      most: 0,
      unit: "",
    },
  ]
}

/**
 * @param {number} port
 * @param {{ transport: string, method: string, isUpgrade: boolean, origin: string }} knock
 */
async function knockAt(port, { transport, method, isUpgrade, origin }) {
  const body = isUpgrade || method === "GET" || method === "HEAD" ? "" : `@{"up":1,"poll":1}\n${hello()}`
  const more = isUpgrade
    ? "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    : `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n`
  const { socket, answer } = await ask(
    port,
    `${method} /everwire/${transport} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${origin}\r\n${more}\r\n${body}`,
  )
  socket.destroy()
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)
}
