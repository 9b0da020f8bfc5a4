import { type IncomingHttpHeaders, request } from "node:http"
import { connect, type Socket } from "node:net"
import { WebSocket } from "ws"
import { onDispose } from "../support/hub-server.ts"

/** A hello that a hub accepts, with `fields` replaced. */
export function hello(fields: Record<string, unknown> = {}): string {
  const id = `raw-session-${String(++sessions).padStart(12, "0")}`
  return `h${JSON.stringify({ v: 1, id, key: `key-of-${id}`, heard: 0, acked: 0, turn: 1, ...fields })}`
}
let sessions = 0

/** An answer over HTTP. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The code of the closing or the bye in the body, if it has one. */
  readonly code: string | undefined
}

/** Sends one request on a connection of its own. */
export function ask(
  url: string,
  init: { method?: string; headers?: Record<string, string | string[]>; body?: string | Uint8Array } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "POST", headers = {}, body } = init
    const asked = request(url, { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on("data", (chunk: Buffer) => chunks.push(chunk))
      answer.on("error", reject)
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text, code: codeIn(text) })
      })
    })
    asked.on("error", reject)
    asked.end(body)
  })
}

/** A body of the HTTP transports: an envelope and a batch. */
export function bodyOf(envelope: Record<string, unknown>, batch?: string): string {
  return `@${JSON.stringify(envelope)}${batch === undefined ? "" : `\n${batch}`}`
}

/** The envelope of an answer. */
export function envelopeOf({ body }: Answer): Record<string, unknown> {
  return JSON.parse(body.split("\n")[0]?.slice(1) ?? "") as Record<string, unknown> // An envelope is a JSON object.
}

function codeIn(text: string): string | undefined {
  return /(?:"close":|^b)\{"code":"([\w-]+)"/m.exec(text)?.[1]
}

/** A WebSocket on which the test sends raw frames. */
export interface RawSocket {
  readonly socket: WebSocket
  /** All messages that arrived, oldest first. */
  readonly heard: string[]
  /** Resolves with the next message. */
  next(): Promise<string>
  /** How the socket ended: the close code, the code in the close reason, and the code of the bye before it. */
  readonly closed: Promise<{ status: number; code: string; bye: string | undefined }>
}

export async function openSocket(url: string, headers: Record<string, string> = {}): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`, { headers, perMessageDeflate: false })
  const heard: string[] = []
  let wake = (_text: string): void => {}
  onDispose(() => socket.terminate())
  socket.on("error", () => {}) // The close event follows and is enough.
  socket.on("message", (data: Buffer) => {
    const text = data.toString("latin1")
    heard.push(text)
    wake(text)
  })
  const closed: RawSocket["closed"] = new Promise((resolve) => {
    socket.once("close", (status, reason) => {
      const bye = heard.find((text) => text.startsWith("b"))
      const code = String(reason).split(":")[0] ?? ""
      resolve({ status, code, bye: bye && (JSON.parse(bye.slice(1)) as { code: string }).code })
    })
  })
  await new Promise((resolve, reject) => {
    socket.once("open", resolve)
    socket.once("unexpected-response", (_, answer) => reject(new Error(`answered ${answer.statusCode}`)))
  })
  return {
    socket,
    heard,
    closed,
    next: () =>
      new Promise((resolve) => {
        wake = resolve
      }),
  }
}

/** Opens a WebSocket and a new session on it. */
export async function openWelcomed(url: string, fields: Record<string, unknown> = {}): Promise<RawSocket> {
  const raw = await openSocket(url)
  const welcome = raw.next()
  raw.socket.send(hello(fields))
  if (!(await welcome).startsWith("w")) throw new Error(`not welcomed: ${raw.heard[0]}`)
  return raw
}

/** A TCP connection that sends only what the test writes. `received` resolves with all bytes when the hub ends it. */
export async function openTcp(port: number): Promise<{ socket: Socket; received: Promise<string>; text(): string }> {
  const socket = connect(port, "127.0.0.1")
  let text = ""
  onDispose(() => void socket.destroy())
  socket.on("error", () => {}) // The close event follows and is enough.
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1")
  })
  const received = new Promise<string>((resolve) => {
    for (const event of ["end", "close"]) socket.once(event, () => resolve(text))
  })
  await new Promise<void>((resolve) => socket.once("connect", resolve))
  return { socket, received, text: () => text }
}
