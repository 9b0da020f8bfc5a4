import type { Channel, CreateChannelOptions, Runtime } from "everwire"
import { createChannel } from "everwire"
import { createHub, type Hub } from "everwire/server"
import { HttpResponse, http } from "msw"
import { setupServer } from "msw/node"
import { createRuntime, onDispose } from "../support/hub-server.ts"

/** The clock of the tested channels runs this many times faster than the wall clock, which shortens their waits. */
const SPEED = 20

/** Stands between the channel and the hub: returns an answer of its own, or the hub's by `pass()`. */
export type Fault = (request: Request, pass: () => Promise<Response>) => Response | Promise<Response>

export interface FaultServer {
  readonly hub: Hub
  /** The fault that answers every request from now on; `undefined` removes it. */
  fault: Fault | undefined
  /** For each request: its time by the channel's clock, the bytes of its body, and whether a fault was set. */
  readonly requests: { readonly at: number; readonly bytes: number; readonly faulty: boolean }[]
  readonly clock: Runtime
  /** Opens a channel whose requests pass this server. */
  open(options: CreateChannelOptions): Channel
}

let servers = 0

/** Starts a hub without a network, behind msw. */
export function startFaultServer(): FaultServer {
  // Each server has its own name, so that late requests of an earlier test's channel do not reach it.
  const origin = `https://hub-${++servers}.test`
  const startedAt = Date.now()
  const clock = createRuntime({
    now: () => startedAt + (Date.now() - startedAt) * SPEED,
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs / SPEED, 0x7fff_ffff))
      return () => clearTimeout(timer)
    },
    report: () => {},
  })
  const hub = createHub({ runtime: clock })
  hub.handle("echo", (data) => data)
  const requests: FaultServer["requests"] = []
  const server = setupServer(
    http.post(`${origin}/everwire/:transport`, async ({ request }) => {
      const { fault } = started
      const body = await request.clone().arrayBuffer()
      requests.push({ at: clock.now(), bytes: body.byteLength, faulty: fault !== undefined })
      const pass = (): Promise<Response> => hub.fetch(request)
      return fault === undefined ? await pass() : await fault(request, pass)
    }),
  )
  server.listen({
    onUnhandledRequest: () => {
      throw new TypeError("there is no network here")
    },
  })
  onDispose(async () => {
    await hub.close()
    server.close()
  })
  const started: FaultServer = {
    hub,
    fault: undefined,
    requests,
    clock,
    open(options) {
      const channel = createChannel(origin, { runtime: clock, store: null, ...options })
      onDispose(() => channel.close({ flushMs: 0 }))
      return channel
    },
  }
  return started
}

const text = (status: number, body = "no", headers: Record<string, string> = {}): Response =>
  new HttpResponse(body, { status, headers: { "content-type": "text/plain", ...headers } })
const page = (status: number, headers: Record<string, string> = {}): Response =>
  HttpResponse.html("<!doctype html><h1>Please log in</h1>", { status, headers })

/** Answers that do not come from the hub, and the code with which the channel closes the link for each. */
export const faults: readonly [title: string, answer: () => Response, code: string][] = [
  ["403", () => text(403), "refused"],
  ["404", () => text(404), "refused"],
  ["405", () => text(405), "refused"],
  ["413", () => text(413), "too-large"],
  ["429 without Retry-After", () => text(429), "rate-limited"],
  ["429 with Retry-After", () => text(429, "slow down", { "retry-after": "1" }), "rate-limited"],
  ["503 without Retry-After", () => text(503), "rate-limited"],
  ["503 with Retry-After", () => text(503, "later", { "retry-after": "1" }), "rate-limited"],
  ["503 with a Retry-After that is no number", () => text(503, "", { "retry-after": "soon" }), "rate-limited"],
  ["500", () => text(500), "refused"],
  ["500 without a body", () => new HttpResponse(null, { status: 500 }), "refused"],
  ["404 with a page", () => page(404), "refused"],
  ["502 with a page", () => page(502), "refused"],
  ["503 with a page", () => page(503), "rate-limited"],
  ["429 with a page and Retry-After", () => page(429, { "retry-after": "1" }), "rate-limited"],
  ["413 with a page", () => page(413), "too-large"],
  ["401 with a page", () => page(401), "refused"],
  ["407 with a page", () => page(407), "refused"],
  ["511, which is a portal's own", () => page(511), "captive-portal"],
  ["200 with a page, as a captive portal", () => page(200), "captive-portal"],
  ["200 with nothing", () => text(200, ""), "refused"],
  ["200 with garbage", () => text(200, "garbage"), "refused"],
  ["200 with half an envelope", () => text(200, '@{"link":"x","up'), "refused"],
  ["200 with an envelope of another kind", () => text(200, "@[]"), "refused"],
  ["200 with somebody else's envelope", () => text(200, '@{"link":"other","up":99,"poll":99}\nw{}'), "refused"],
  ["200 with bytes that are cut", () => bytes(Uint8Array.of(0, 0, 0, 99, 64)), "refused"],
  ["204", () => new HttpResponse(null, { status: 204 }), "refused"],
  ["a redirect", () => HttpResponse.redirect("https://elsewhere.test/login", 302), "redirected"],
  ["a redirect with a page", () => redirectWithPage(), "redirected"],
  ["a broken connection", () => HttpResponse.error(), "network"],
]

/** The redirect to TLS as nginx sends it. */
function redirectWithPage(): Response {
  const headers = { location: "https://elsewhere.test/everwire" }
  return HttpResponse.html("<h1>301 Moved Permanently</h1>", { status: 301, headers })
}

function bytes(body: Uint8Array<ArrayBuffer>): Response {
  return new HttpResponse(body, { status: 200, headers: { "content-type": "application/octet-stream" } })
}
