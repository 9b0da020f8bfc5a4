// @ts-check
// Abuse by HTTP requests on keep-alive connections. Each connection sends its next request right after an answer.

import { connect } from "node:net"
import { codesIn, helloOf, openLink } from "./wire.mjs"

/** Connections that send requests at the same time. */
const AT_ONCE = 32

/**
 * Begins one new session after another.
 *
 * @param {string} transport
 * @returns {import("./kinds.mjs").Abuse}
 */
export const hellos = (transport) => (url, told) =>
  atOnce(async () => {
    if (transport === "websocket") {
      for (;;) {
        const { socket } = await openLink(url, told, {})
        socket.destroy()
      }
    }
    const ask = keepAsking(url, told)
    for (;;) await ask(`/everwire/${transport}`, `@{"up":1,"poll":1}\n${helloOf({}, 1)}`)
  })

/**
 * Polls one link again whenever a poll is answered.
 *
 * @param {string} transport
 * @returns {import("./kinds.mjs").Abuse}
 */
export const polls = (transport) => (url, told) =>
  atOnce(async () => {
    const ask = keepAsking(url, told)
    for (;;) {
      const link = await begin(ask, transport)
      for (let poll = 2; link !== undefined; poll++) {
        if (!(await ask(`/everwire/${transport}`, `@{"link":"${link}","poll":${poll}}`)).includes(" 200 ")) break
      }
    }
  })

/**
 * Sends uploads of one small message each.
 *
 * @param {string} transport
 * @returns {import("./kinds.mjs").Abuse}
 */
export const posts = (transport) => (url, told) =>
  atOnce(async () => {
    const ask = keepAsking(url, told)
    for (;;) {
      const link = await begin(ask, transport)
      for (let up = 2; link !== undefined; up++) {
        const packets = up === 2 ? "n1\nmx\t1" : "mx\t1"
        if (!(await ask(`/everwire/${transport}`, `@{"link":"${link}","up":${up}}\n${packets}`)).includes(" 200 "))
          break
      }
    }
  })

/**
 * Sends uploads of one small message each, pipelined: hundreds are written to a connection at once, before any answer.
 *
 * @param {string} transport
 * @returns {import("./kinds.mjs").Abuse}
 */
export const pipelined = (transport) => async (url, told) => {
  for (;;) {
    const link = await begin(keepAsking(url, told), transport)
    if (link === undefined) continue
    const socket = connect(Number(url.port), url.hostname)
    const closed = new Promise((resolve) => socket.once("close", resolve))
    socket.on("error", () => {})
    socket.on("data", (answers) => {
      for (const code of codesIn(answers.toString("latin1"))) told(code)
    })
    for (let up = 2; !socket.destroyed; ) {
      let chunk = ""
      while (chunk.length < 65_536) {
        const body = `@{"link":"${link}","up":${up}}\n${up === 2 ? "n1\n" : ""}mx\t1`
        chunk += `POST /everwire/${transport} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        up++
      }
      if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve))
      else await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed])
    }
  }
}

/**
 * The same requests to a path of the application, which the hub never sees: what Node itself spends on such a
 * connection.
 *
 * @type {import("./kinds.mjs").Abuse}
 */
export const pipelinedElsewhere = async (url) => {
  const body = `@{"link":"${"x".repeat(24)}","up":2}\nmx\t1`
  const request = `POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const chunk = request.repeat(Math.ceil(65_536 / request.length))
  for (;;) {
    const socket = connect(Number(url.port), url.hostname)
    const closed = new Promise((resolve) => socket.once("close", resolve))
    socket.on("error", () => {})
    socket.resume()
    while (!socket.destroyed) {
      if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve))
      else await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed])
    }
  }
}

/**
 * @param {(path: string, body: string) => Promise<string>} ask
 * @param {string} transport
 */
async function begin(ask, transport) {
  const answer = await ask(`/everwire/${transport}`, `@{"up":1,"poll":1}\n${helloOf({}, 1)}`)
  return /"link":"([\w-]+)"/.exec(answer)?.[1]
}

/** @param {() => Promise<unknown>} run */
function atOnce(run) {
  return Promise.all(Array.from({ length: AT_ONCE }, run))
}

/**
 * A connection that is opened again after it has closed. A call resolves with the whole answer, or with an empty
 * string.
 *
 * @param {URL} url
 * @param {(code: string) => void} told
 * @returns {(path: string, body: string) => Promise<string>}
 */
function keepAsking(url, told) {
  /** @type {import("node:net").Socket | undefined} */
  let socket
  return (path, body) =>
    new Promise((resolve) => {
      if (socket === undefined || socket.destroyed || !socket.writable) {
        socket = connect(Number(url.port), url.hostname)
        socket.on("error", () => {})
        socket.setNoDelay(true)
      }
      const used = socket
      let answer = ""
      const hear = (/** @type {Buffer} */ chunk) => {
        answer += chunk.toString("latin1")
        const end = answer.indexOf("\r\n\r\n")
        const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
        if (end < 0 || answer.length < end + 4 + length) return
        done()
      }
      const done = () => {
        used.off("data", hear)
        used.off("close", done)
        for (const code of codesIn(answer)) told(code)
        if (/connection: close/i.test(answer)) used.destroy()
        resolve(answer)
      }
      used.on("data", hear)
      used.on("close", done)
      used.write(
        `POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    })
}
