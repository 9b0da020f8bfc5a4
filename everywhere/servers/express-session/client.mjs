// As a browser does: logs in, and sends the cookie and its Origin with everything.

import { EventSource } from "eventsource"
import { createChannel } from "everwire"
import { WebSocket } from "ws"
import { talk } from "./talk.mjs"

const task = JSON.parse(process.env.EVERYWHERE)
const answer = await fetch(`${task.url}/login`, { method: "POST" })
const [cookie] = answer.headers.getSetCookie().map((line) => line.split(";")[0])
const headers = { cookie, origin: task.url }

const withCookie = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } })
const platform = {
  openSocket: (url, protocols) => new WebSocket(url, protocols, { headers }),
  openStream: (url) => new EventSource(url, { fetch: withCookie }),
  fetch: withCookie,
}
// Without a login nobody comes in.
const stranger = createChannel(task.url, { transports: [task.transport] })
const refused = await stranger.opened.then(String, (error) => error.code)
if (refused !== "unauthorized") throw new Error(`a stranger was answered ${refused}`)

console.log(`everywhere: ${await talk((url, options) => createChannel(url, { ...options, platform }), task)}`)
