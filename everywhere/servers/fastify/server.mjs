import { createHub } from "everwire/node"
import Fastify from "fastify"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = Fastify()
app.get("/", () => "the application")
hub.attach(app.server)
app.addHook("preClose", () => hub.close())
await app.listen({ port: Number(process.env.PORT ?? 8080) })

/** Ends the hub and the server. */
export const close = () => app.close()
process.once("SIGTERM", close)
