// The server process: node server.mjs <peer> <transport>
import { once } from "node:events"
import { createServer } from "node:http"
import { Application } from "./application.mjs"
import { answer } from "./processes.mjs"
import { functionsOf } from "./server-functions.mjs"

const [peer, transport] = process.argv.slice(2)
const { serve } = await import(`./peers/${peer}.mjs`)

// Long timeouts, so that only the load process ends held polls and idle keep-alive connections.
const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 })
const application = new Application()
application.peer = await serve({ server, application, transport })
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 })
await once(server, "listening")

answer(functionsOf(application, server))
