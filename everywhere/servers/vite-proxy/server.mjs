// The hub on a server of its own, and Vite before it with vite.config.mjs.
import { createServer } from "node:http"
import { createHub } from "everwire/node"
import { createServer as createVite } from "vite"

export const hub = createHub()
const server = createServer()
hub.attach(server)
await new Promise((resolve) => server.listen(0, resolve))
process.env.HUB = `http://localhost:${server.address().port}`

const vite = await createVite({ server: { port: Number(process.env.PORT) } })
await vite.listen()

export const close = () => Promise.all([vite.close(), new Promise((resolve) => server.close(resolve))])
