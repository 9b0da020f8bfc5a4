// The page of msw.test.ts: a front end and, behind the service worker of msw, the hub that it believes to be remote.

import { createChannel, type TransportName } from "everwire"
import { createHub, websocketAcceptor } from "everwire/server"
import { mswHandlers } from "everwire/testing"
import { HttpResponse, http, ws } from "msw"
import { setupWorker } from "msw/browser"

const url = "https://chat.example/everwire"
const hub = createHub({ transports: [websocketAcceptor(), "sse", "long-poll", "short-poll"] })
hub.on("chat", (data, peer) => peer.send("chat", data))
hub.handle("double", (n) => 2 * Number(n))
const worker = setupWorker(...mswHandlers(url, hub, { http, ws }))

const page = {
  start: () => worker.start({ quiet: true, onUnhandledRequest: "bypass" }),

  /** Sends something over these transports. Returns the answer, and the transport that carried it. */
  async talk(transports: readonly TransportName[]): Promise<unknown[]> {
    const channel = createChannel(url, { transports, store: null })
    const heard = new Promise((resolve) => channel.on("chat", resolve))
    channel.send("chat", "hello")
    const told = [await heard, await channel.request("double", 21), channel.transport]
    await channel.close()
    return told
  },

  /** Stops and restarts the hub under an open channel. Returns the channel's status meanwhile, and the later answer. */
  async restart(transport: TransportName): Promise<unknown[]> {
    const channel = createChannel(url, { transports: [transport], store: null })
    await channel.opened
    const away = new Promise((resolve) => channel.onStatus(resolve))
    const heard = new Promise((resolve) => channel.on("chat", resolve))
    worker.use(http.all(`${url}/*`, () => HttpResponse.error()))
    channel.send("chat", "are you there?")
    const told = [await away]
    worker.resetHandlers()
    told.push(await heard, channel.status)
    await channel.close()
    return told
  },
}
export type MswPage = typeof page
Object.assign(globalThis, { page })
