import { longPoll, shortPoll, sse } from "everwire"
import { createHub, longPollAcceptor, shortPollAcceptor, sseAcceptor } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import type { TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import type { Acceptor, Dialer } from "../../../src/transports/transport.ts"
import { httpTraits } from "./built-in-traits.ts"
import { FaultyFetch } from "./faulty-fetch.ts"
import { passVirtually } from "./settle.ts"

/** The HTTP transports without a port: the channel's fetch calls the hub's own `fetch`. */
export const memoryHttp: readonly TransportSubject[] = [
  {
    name: "sse through hub.fetch",
    traits: { ...httpTraits.sse, realTime: false },
    setup: () => setup(sse, sseAcceptor()),
  },
  {
    name: "long-poll through hub.fetch",
    traits: { ...httpTraits.longPoll, realTime: false },
    setup: () => setup(longPoll, longPollAcceptor()),
  },
  {
    name: "short-poll through hub.fetch",
    traits: { ...httpTraits.shortPoll, realTime: false },
    setup: () => setup(shortPoll, shortPollAcceptor()),
  },
]

async function setup(dialer: Dialer, acceptor: Acceptor): Promise<TransportRig> {
  const runtime = createVirtualRuntime({ now: 0 })
  let hub = createHub({ runtime })
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const request = new Request(url, init)
    const answer = await orAborted(hub.fetch(request), request.signal)
    return answer.body === null ? answer : new Response(severable(answer.body, request.signal), answer)
  }
  const http = new FaultyFetch(fetch)
  return {
    runtime,
    dialer,
    listen(door) {
      // The hub's router, with the door of the law behind it.
      hub = createHub({ runtime, transports: [{ name: acceptor.name, open: () => acceptor.open(door) }] })
      return { url: "http://hub.test/everwire", platform: http.platform }
    },
    settle: () => passVirtually(runtime, 2_000, 8),
    leftovers: () => http.leftovers,
    async teardown() {
      await hub.close()
      http.sever()
    },
    vanish: (seat) => http.become(seat === "hub" ? "refused" : "unanswered"),
    sever: () => http.sever(),
    lose: (what) => http.lose(what),
    garble: (toward) => http.garble(toward === "hub" ? "request" : dialer.name === "sse" ? "event" : "answer"),
    async intrude() {
      const url = `http://hub.test/everwire/${dialer.name}`
      for (const init of strangers) await hub.fetch(new Request(url, init))
      await hub.fetch(new Request(`${url}?ticket=${"x".repeat(24)}`))
    },
  }
}

/** Requests that no dialer sends. */
export const strangers: readonly RequestInit[] = [
  { method: "GET" },
  { method: "PUT", body: "@{}" },
  ...[
    "",
    "@",
    "@{",
    "@null",
    "@[]",
    "@{}",
    '@{"up":2}\nm',
    '@{"up":1}',
    '@{"link":"nobody","poll":1}',
    "<html>",
    "\0\n\0",
  ].map((body) => ({ method: "POST", body, headers: { "content-type": "text/plain" } })),
  ...[[], [0], [0, 0, 0, 9], [255, 255, 255, 255, 1], [0x80, 0, 0, 1, 109]].map((bytes) => ({
    method: "POST",
    body: new Uint8Array(bytes),
    headers: { "content-type": "application/octet-stream" },
  })),
]

function orAborted(answer: Promise<Response>, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener("abort", abort)
    answer.then(resolve, reject)
  })
}

/** A body that fails when the connection breaks, as a body of `fetch` does. */
function severable(body: ReadableStream<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    start(controller) {
      const abort = (): void => {
        controller.error(signal.reason)
        void reader.cancel().catch(() => {}) // The body may have ended already.
      }
      if (signal.aborted) abort()
      signal.addEventListener("abort", abort)
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (signal.aborted) return
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
