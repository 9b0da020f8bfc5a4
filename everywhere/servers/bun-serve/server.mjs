import { createHub } from "everwire/server"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = Bun.serve({
  port: Number(process.env.PORT ?? 8080),
  idleTimeout: 60, // seconds; longer than 25 s, for which a poll is held
  routes: {
    [`${hub.path}/*`]: (request, bun) => hub.fetch(request, bun.requestIP(request)?.address),
    "/": new Response("the application"),
  },
})

/** Ends the server, after `hub.close()`. */
export const close = () => server.stop()
