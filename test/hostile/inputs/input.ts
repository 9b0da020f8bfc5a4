import { setImmediate as turn } from "node:timers/promises"
import type { NodeHubOptions } from "everwire/node"
import { expect } from "vitest"
import type { Arena } from "../arena.ts"
import {
  type Answer,
  ask,
  bodyOf,
  envelopeOf,
  hello,
  openSocket,
  openTcp,
  openWelcomed,
  type RawSocket,
} from "../attack.ts"
import type { Lesson, Place } from "./lessons.ts"

/** Something that a stranger, a peer or a hostile server does, and what has to become of it. */
export interface Input {
  readonly lesson: Lesson
  readonly place: Place
  readonly title: string
  /** What a hub is started with, where the defaults are not meant. */
  readonly options?: () => NodeHubOptions
  /** Does it. Resolves with what came of it, in a few words: a status or the number of a close, and a code. */
  run(arena: Arena): Promise<string>
  readonly outcome: string
  /** Codes of what the hub's owner is told. Nothing where this is not given. */
  readonly told?: readonly string[]
}

export const POSTS = ["sse", "long-poll", "short-poll"] as const
export type Post = (typeof POSTS)[number]
export const LINKS = ["websocket", ...POSTS] as const

/** What is said at once on a link. */
export type Frame = string | Uint8Array

/** The outcome of what was taken as it should be, where the link is used on. */
export const GOES_ON = "goes on"

/** Sends this on a new WebSocket, in place of a hello. */
export async function sayFirst(arena: Arena, ...frames: readonly Frame[]): Promise<string> {
  return fateOf(arena, await openSocket(arena.url), frames)
}

/** Sends this on a WebSocket that was welcomed. */
export async function say(arena: Arena, ...frames: readonly Frame[]): Promise<string> {
  return fateOf(arena, await openWelcomed(arena.url), frames)
}

/** A link is closed, with a code that its bye and its close both tell; or it goes on, which a probe shows. */
async function fateOf(arena: Arena, { socket, closed, heard }: RawSocket, frames: readonly Frame[]): Promise<string> {
  for (const frame of frames) socket.send(frame)
  const answered = new Promise<string>((resolve) => {
    socket.on("message", () => heard.some((text) => PROBED.test(text)) && resolve(GOES_ON))
  })
  socket.send("p77")
  const outcome = await meanwhile(arena, Promise.race([answered, closed.then(wordsOf)]))
  socket.terminate()
  return outcome
}

/** Lets time pass until this has come: what is much is worked on in slices. */
async function meanwhile<T>(arena: Arena, coming: Promise<T>): Promise<T> {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  coming.then(over, over)
  // Most has come by the end of the turn.
  for (await turn(); !isOver; await arena.pass(1)) await turn()
  return coming
}

const PROBED = /(^|\n|data:)a\d+,77$/m

function wordsOf({ status, code, bye }: { status: number; code: string; bye: string | undefined }): string {
  return bye === code ? `${status} ${code}` : `${status} ${code}, bye ${bye}`
}

/** Sends this to a POST route, on a connection of its own. */
export async function post(
  { url }: Arena,
  route: string,
  body: Frame,
  headers: Record<string, string> = {},
): Promise<string> {
  return answerOf(await ask(`${url}/${route}`, { body, headers }))
}

/** Asks a route with this method. */
export async function request(
  { url }: Arena,
  route: string,
  method: string,
  headers: Record<string, string> = {},
): Promise<string> {
  return answerOf(await ask(`${url}/${route}`, { method, headers }))
}

/** A status and a code. What refuses is nobody's to store or to guess at, and tells nothing of the hub's insides. */
export function answerOf({ status, code, headers, body }: Answer): string {
  expect(body).not.toMatch(/at .*\.[jt]s|node:|Error:/)
  if (code !== undefined) {
    expect(headers["cache-control"]).toContain("no-store")
    expect(headers["x-content-type-options"]).toBe("nosniff")
  }
  return code === undefined ? `${status}` : `${status} ${code}`
}

/** Says hello over HTTP: what the following requests need. */
export async function greet({ url }: Arena, transport: Post): Promise<{ link: string; ticket: string }> {
  const polls = transport === "sse" ? {} : { poll: 1 }
  const answer = await ask(`${url}/${transport}`, { body: bodyOf({ up: 1, ...polls }, hello()) })
  return envelopeOf(answer) as { link: string; ticket: string } // as every answer to a hello
}

/** Brings these to a link over HTTP that was welcomed, one after another, and then a probe. */
export async function bring(arena: Arena, transport: Post, ...batches: readonly Frame[]): Promise<string> {
  const { link, ticket } = await greet(arena, transport)
  const url = `${arena.url}/${transport}`
  let up = 1
  for (const batch of [...batches, "p77"]) {
    const envelope = { link, up: ++up }
    const [body, headers = {}] = typeof batch === "string" ? [bodyOf(envelope, batch)] : bytesBody(envelope, batch)
    const answer = await meanwhile(arena, ask(url, { body, headers }))
    if (answer.status !== 200) return answerOf(answer)
    if (answer.code !== undefined) return `closed ${answer.code}`
  }
  return fateOverHttp(arena, transport, link, ticket)
}

/** A body whose batch is of bytes: so is its envelope. */
export function bytesBody(
  envelope: Record<string, unknown>,
  batch: Uint8Array,
): [body: Uint8Array, headers: Record<string, string>] {
  const line = `@${JSON.stringify(envelope)}`
  const head = Buffer.alloc(4)
  head.writeUInt32BE(line.length)
  return [Buffer.concat([head, Buffer.from(line), batch]), { "content-type": "application/octet-stream" }]
}

/** What comes down on the link: the answer to the probe, or the last word. */
async function fateOverHttp(arena: Arena, transport: Post, link: string, ticket: string): Promise<string> {
  if (transport !== "sse") {
    const { code, body } = await ask(`${arena.url}/${transport}`, { body: bodyOf({ link, poll: 2 }) })
    return PROBED.test(body) ? GOES_ON : `closed ${code}`
  }
  const { socket, text, received } = await openTcp(arena.port)
  const came = new Promise((resolve) => socket.on("data", () => PROBED.test(text()) && resolve(GOES_ON)))
  socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const outcome = await Promise.race([
    came,
    received.then(() => `closed ${/data:b\{"code":"([\w-]+)"/.exec(text())?.[1]}`),
  ])
  socket.destroy()
  return String(outcome)
}

/** Writes this to a connection, and what is left open ends there: the statuses of all answers, or that it was closed. */
export async function write({ port }: Arena, bytes: string | Uint8Array): Promise<string> {
  const { socket, received } = await openTcp(port)
  socket.end(bytes)
  return statusesIn(await received)
}

function statusesIn(text: string): string {
  const statuses = Array.from(text.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => status)
  return statuses.length === 0 ? "closed" : statuses.join(" ")
}

/** Writes this to a connection, and breaks that off in the next turn, or when the first of an answer has come. */
export async function breakOff({ port }: Arena, bytes: string | Uint8Array, isAnswered = false): Promise<string> {
  const { socket, received } = await openTcp(port)
  socket.write(bytes)
  if (isAnswered) await new Promise((resolve) => socket.once("data", resolve))
  else for (let turns = 0; turns < 3; turns++) await turn()
  socket.resetAndDestroy()
  await received
  return "broken off"
}

/** The head of an upgrade: what is given replaces a header, or leaves it out. */
export function upgradeHead(
  headers: Readonly<Record<string, string | undefined>> = {},
  target = "/everwire/websocket",
  method = "GET",
): string {
  return headOf(target, { Connection: "Upgrade", Upgrade: "websocket", ...KEYED, ...headers }, method)
}

const KEYED = { "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" }

/** The head of a request. A header that is given as undefined is left out, `Host` included. */
export function headOf(target: string, headers: Readonly<Record<string, string | undefined>>, method = "GET"): string {
  const all: Readonly<Record<string, string | undefined>> = { Host: "x", ...headers }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]))
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`
}

/** A masked frame of a WebSocket (RFC 6455, section 5.2), with a mask of zeros. */
export function maskedFrame(opcode: number, payload: string | Uint8Array = "", isLast = true): Buffer {
  const bytes = Buffer.from(payload)
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0xfe, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...length, 0, 0, 0, 0]), bytes])
}

/**
 * Writes these pieces to a connection, each when the one before it was answered: the number of the close of the WebSocket
 * that they are answered with, or the code of the bye before it.
 */
export async function converse({ port }: Arena, ...pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const { socket, received } = await openTcp(port)
  for (const [at, piece] of pieces.entries()) {
    const answered = new Promise((resolve) => socket.once("data", resolve))
    socket.write(piece)
    if (at < pieces.length - 1) await answered
  }
  const text = await received
  const bye = /b\{"code":"([\w-]+)"/.exec(text)?.[1]
  if (bye !== undefined) return `bye ${bye}`
  const close = text.slice(-4)
  if (close.charCodeAt(0) !== 0x88) return statusesIn(text)
  return `${close.charCodeAt(2) * 256 + close.charCodeAt(3)}`
}
