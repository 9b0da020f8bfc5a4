import type { Server } from "node:http"
import type { Http2SecureServer, Http2Server } from "node:http2"
import type { Server as HttpsServer } from "node:https"
import { EverwireError } from "../../wire/errors.ts"
import type { NodeServer } from "./front.ts"

/** A server of node:http, node:https or node:http2, which is what a hub can be attached to. */
export type AttachableServer = Server | HttpsServer | Http2Server | Http2SecureServer

/** The members of a server that are used here, and one that tells a server of HTTP from any other. */
const MEMBERS = ["emit", "on", "off", "listeners", "listenerCount", "close", "address", "setTimeout"]

/** @throws EverwireError `misuse` on what is no such server, with what to write instead. */
export function checkServer(given: unknown): NodeServer {
  if (has(given, ...MEMBERS)) return given as NodeServer // as far as is used here
  throw new EverwireError(
    "misuse",
    `hub.attach takes a server of node:http, node:https or node:http2: ${advise(given)}`,
  )
}

/** What to write in the place of what was given. */
function advise(given: unknown): string {
  if (has(given, "then")) return "a promise was given, so write hub.attach(await ...)"
  // Nest
  if (has(given, "getHttpServer")) return "an application of Nest was given, so write hub.attach(app.getHttpServer())"
  // Fastify, which makes a server for each address that it listens on
  if (has(given, "listen", "inject", "addHook")) {
    return (
      "an instance of Fastify was given, so write Fastify({ serverFactory: (handler) => { const server = " +
      "createServer(handler); hub.attach(server); return server } }), with createServer of node:http"
    )
  }
  // Express, Connect, Koa, Polka, Restify
  if (has(given, "listen")) {
    return "an application was given, so write hub.attach(app.listen(port)), or createServer(app) for Connect and Express"
  }
  // Hono, h3, and what else answers requests of the web
  if (has(given, "fetch")) {
    return "an application was given, so attach to the server that runs it, as in hub.attach(serve(app)), or let hub.fetch answer its requests"
  }
  return `given: ${given === null ? "null" : typeof given}`
}

function has(given: unknown, ...names: string[]): boolean {
  if (given === null || (typeof given !== "object" && typeof given !== "function")) return false
  return names.every((name) => typeof (given as Record<string, unknown>)[name] === "function")
}
