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

/** An action of a stranger, a peer or a hostile server, and its expected outcome. */
export interface Input {
  readonly lesson: Lesson
  readonly place: Place
  readonly title: string
  /** Options of the hub, where the defaults do not fit. */
  readonly options?: () => NodeHubOptions
  /** Runs the action. Resolves with the outcome as a short text: a status or a close number, and a code. */
  run(arena: Arena): Promise<string>
  readonly outcome: string
  /** Codes of the errors that the hub's `onError` must hear. Default: none. */
  readonly told?: readonly string[]
}

export const POSTS = ["sse", "long-poll", "short-poll"] as const
export type Post = (typeof POSTS)[number]
export const LINKS = ["websocket", ...POSTS] as const

/** One WebSocket message or one batch. */
export type Frame = string | Uint8Array

/** The outcome of an input that is accepted, after which the link still works. */
export const GOES_ON = "goes on"

/** Sends these on a new WebSocket, the first in place of a hello. */
export async function sayFirst(arena: Arena, ...frames: readonly Frame[]): Promise<string> {
  return fateOf(arena, await openSocket(arena.url), frames)
}

/** Sends these on a welcomed WebSocket. */
export function say(arena: Arena, ...frames: readonly Frame[]): Promise<string> {
  return sayAfter({}, arena, ...frames)
}

/** The same after a hello with these fields. */
export async function sayAfter(
  fields: Record<string, unknown>,
  arena: Arena,
  ...frames: readonly Frame[]
): Promise<string> {
  return fateOf(arena, await openWelcomed(arena.url, fields), frames)
}

/** Returns the close, with a code that the bye and the close must share; or GOES_ON when a probe is answered. */
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

/** Advances time until the promise settles, because the hub hears large inputs in slices. */
async function meanwhile<T>(arena: Arena, coming: Promise<T>): Promise<T> {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  coming.then(over, over)
  // Most promises settle within the turn.
  for (await turn(); !isOver; await arena.pass(1)) await turn()
  return coming
}

const PROBED = /(^|\n|data:)a\d+,77$/m

function wordsOf({ status, code, bye }: { status: number; code: string; bye: string | undefined }): string {
  return bye === code ? `${status} ${code}` : `${status} ${code}, bye ${bye}`
}

/** Sends a POST to a route, on a connection of its own. */
export async function post(
  { url }: Arena,
  route: string,
  body: Frame,
  headers: Record<string, string> = {},
): Promise<string> {
  return answerOf(await ask(`${url}/${route}`, { body, headers }))
}

/** Sends a request with this method to a route. */
export async function request(
  { url }: Arena,
  route: string,
  method: string,
  headers: Record<string, string> = {},
): Promise<string> {
  return answerOf(await ask(`${url}/${route}`, { method, headers }))
}

/**
 * Returns the status and code of an answer. Asserts that a refusal is not cached or sniffed and reveals no stack trace.
 */
export function answerOf({ status, code, headers, body }: Answer): string {
  expect(body).not.toMatch(/at .*\.[jt]s|node:|Error:/)
  if (code !== undefined) {
    expect(headers["cache-control"]).toContain("no-store")
    expect(headers["x-content-type-options"]).toBe("nosniff")
  }
  return code === undefined ? `${status}` : `${status} ${code}`
}

/** Sends a hello over HTTP. Returns what the following requests need. */
export async function greet(
  { url }: Arena,
  transport: Post,
  fields?: Record<string, unknown>,
): Promise<{ link: string; ticket: string }> {
  const polls = transport === "sse" ? {} : { poll: 1 }
  const answer = await ask(`${url}/${transport}`, { body: bodyOf({ up: 1, ...polls }, hello(fields)) })
  return envelopeOf(answer) as { link: string; ticket: string } // Every answer to a hello has these fields.
}

/** Uploads these batches on a welcomed HTTP link, one after another, and then a probe. */
export function bring(arena: Arena, transport: Post, ...batches: readonly Frame[]): Promise<string> {
  return bringAfter({}, arena, transport, ...batches)
}

/** The same after a hello with these fields. */
export async function bringAfter(
  fields: Record<string, unknown>,
  arena: Arena,
  transport: Post,
  ...batches: readonly Frame[]
): Promise<string> {
  const { link, ticket } = await greet(arena, transport, fields)
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

/** A binary body: with a binary batch, the envelope is binary too. */
export function bytesBody(
  envelope: Record<string, unknown>,
  batch: Uint8Array,
): [body: Uint8Array, headers: Record<string, string>] {
  const line = `@${JSON.stringify(envelope)}`
  const head = Buffer.alloc(4)
  head.writeUInt32BE(line.length)
  return [Buffer.concat([head, Buffer.from(line), batch]), { "content-type": "application/octet-stream" }]
}

/** Returns how the link fares: GOES_ON when the probe's answer comes down, or the code of its closing. */
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

/** Writes bytes to a connection and ends it. Returns the statuses of all answers, or "closed". */
export async function write({ port }: Arena, bytes: string | Uint8Array): Promise<string> {
  const { socket, received } = await openTcp(port)
  socket.end(bytes)
  return statusesIn(await received)
}

function statusesIn(text: string): string {
  const statuses = Array.from(text.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => status)
  return statuses.length === 0 ? "closed" : statuses.join(" ")
}

/** Writes bytes to a connection and breaks it after three turns, or when the first bytes of an answer arrive. */
export async function breakOff({ port }: Arena, bytes: string | Uint8Array, isAnswered = false): Promise<string> {
  const { socket, received } = await openTcp(port)
  socket.write(bytes)
  if (isAnswered) await new Promise((resolve) => socket.once("data", resolve))
  else for (let turns = 0; turns < 3; turns++) await turn()
  socket.resetAndDestroy()
  await received
  return "broken off"
}

/** The head of an upgrade request. `headers` replaces headers; undefined removes one. */
export function upgradeHead(
  headers: Readonly<Record<string, string | undefined>> = {},
  target = "/everwire/websocket",
  method = "GET",
): string {
  return headOf(target, { Connection: "Upgrade", Upgrade: "websocket", ...KEYED, ...headers }, method)
}

const KEYED = { "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" }

/** The head of a request. A header given as undefined is left out, also `Host`. */
export function headOf(target: string, headers: Readonly<Record<string, string | undefined>>, method = "GET"): string {
  const all: Readonly<Record<string, string | undefined>> = { Host: "x", ...headers }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]))
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`
}

/** A masked WebSocket frame (RFC 6455, section 5.2), with a mask of zeros. */
export function maskedFrame(opcode: number, payload: string | Uint8Array = "", isLast = true): Buffer {
  const bytes = Buffer.from(payload)
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0xfe, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...length, 0, 0, 0, 0]), bytes])
}

/**
 * Writes each piece to a connection after the piece before it was answered. Returns the code of the bye, or else the
 * number of the WebSocket close, or else the statuses of the answers.
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
