// The entry points ("doors") of a hub. Each has a function that sends a request with these headers and returns the
// status.

import { WebSocket } from "ws"
import { ask, bodyOf, hello } from "./attack.ts"

export type Headers = Readonly<Record<string, string>>

/** Sends a request with these headers to one entry point of the hub, and returns its status. */
export type Knock = (url: string, headers: Headers) => Promise<number>

const post =
  (transport: string): Knock =>
  async (url, headers) =>
    (await ask(`${url}/${transport}`, { headers, body: bodyOf({ up: 1, poll: 1 }, hello()) })).status

export const doors = {
  "an upgrade": (url, headers) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`, { headers })
      socket.on("error", () => {}) // The status is in the answer; the error that follows adds nothing.
      socket.once("upgrade", () => {
        resolve(101)
        socket.terminate()
      })
      socket.once("unexpected-response", (request, answer) => {
        resolve(answer.statusCode ?? 0)
        request.destroy()
      })
    }),
  "a POST to sse": post("sse"),
  "a POST to long-poll": post("long-poll"),
  "a POST to short-poll": post("short-poll"),
  "the stream of sse": async (url, headers) => (await ask(`${url}/sse?ticket=none`, { method: "GET", headers })).status,
  "a preflight": async (url, headers) => (await ask(`${url}/sse`, { method: "OPTIONS", headers })).status,
  "a transport nobody offers": async (url, headers) => (await ask(`${url}/pigeon`, { body: "", headers })).status,
} as const satisfies Record<string, Knock>
