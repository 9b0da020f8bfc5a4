import type { IncomingMessage, Server } from "node:http"
import type { Http2SecureServer, Http2Server } from "node:http2"
import type { Server as HttpsServer } from "node:https"
import { EverwireError } from "../../wire/errors.ts"

/** The servers that a hub can be attached to: those of node:http, node:https and node:http2. */
export type AttachableServer = Server | HttpsServer | Http2Server | Http2SecureServer

/** The members of such a server that are used here. */
export interface NodeServer {
  readonly listening: boolean
  emit(event: string | symbol, ...args: unknown[]): boolean
  close(...args: unknown[]): unknown
  getConnections(told: (error: Error | null, count: number) => void): unknown
  /** Not on an HTTP/2 server. */
  closeIdleConnections?(): void
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  listeners(event: string): unknown[]
  listenerCount(event: string): number
  /** In milliseconds. Absent on servers that speak only HTTP/2. */
  headersTimeout?: number
  /** Since Node 22.21 and 24.9. Decides whether a request for an upgrade becomes an `upgrade` event. */
  shouldUpgradeCallback?(request: IncomingMessage): boolean
}

/**
 * Members by which an HTTP server is recognized: those used here, and two more, as a TCP server has no `setTimeout`.
 */
const MEMBERS = ["emit", "on", "off", "listeners", "listenerCount", "close", "address", "setTimeout"]

/** @throws EverwireError `misuse` if `given` is no such server, with a hint what to write instead */
export function checkServer(given: unknown): NodeServer {
  if (has(given, ...MEMBERS)) return given as NodeServer // has all members that are called here
  throw new EverwireError(
    "misuse",
    `hub.attach takes a server of node:http, node:https or node:http2: ${advise(given)}`,
  )
}

/** Sets a property that is not enumerable. */
export function own(server: NodeServer, name: string, value: unknown): void {
  Object.defineProperty(server, name, { value, configurable: true, writable: true, enumerable: false })
}

/** Suggests what to write instead of what was given. */
function advise(given: unknown): string {
  if (has(given, "then")) return "a promise was given, so write hub.attach(await ...)"
  // Nest
  if (has(given, "getHttpServer")) return "an application of Nest was given, so write hub.attach(app.getHttpServer())"
  // Fastify, which makes a server for each address that it listens on.
  if (has(given, "listen", "inject", "addHook")) {
    return (
      "an instance of Fastify was given, so write Fastify({ serverFactory: (handler) => { const server = " +
      "createServer(handler); hub.attach(server); return server } }), with createServer of node:http"
    )
  }
  // Express, Connect, Koa, Polka, Restify.
  if (has(given, "listen")) {
    return "an application was given, so write hub.attach(app.listen(port)), or createServer(app) for Connect and Express"
  }
  // Hono, h3, and others that answer a Request with a Response.
  if (has(given, "fetch")) {
    return "an application was given, so attach to the server that runs it, as in hub.attach(serve(app)), or let hub.fetch answer its requests"
  }
  return `given: ${given === null ? "null" : typeof given}`
}

function has(given: unknown, ...names: string[]): boolean {
  if (given === null || (typeof given !== "object" && typeof given !== "function")) return false
  return names.every((name) => typeof (given as Record<string, unknown>)[name] === "function")
}
