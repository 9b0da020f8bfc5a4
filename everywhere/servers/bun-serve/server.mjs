import { createHub } from "everwire/bun"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = Bun.serve({
  port: Number(process.env.PORT ?? 8080),
  fetch: (request, server) => hub.answer(request, server) ?? new Response("the application"),
  websocket: hub.websocket,
})

/** Ends the server, after `hub.close()`. */
export const close = () => server.stop()
process.once("SIGTERM", () => hub.close().then(close))
