import { plugin as ws } from "crossws/server"
import { createHub } from "everwire/crossws"
import { defineWebSocketHandler, getRequestIP, H3, serve } from "h3"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = new H3()
app.get("/", () => "the application")
app.get(`${hub.path}/websocket`, defineWebSocketHandler(hub.hooks))
app.all(`${hub.path}/**`, (event) => hub.fetch(event.req, getRequestIP(event)))

const server = serve(app, {
  port: Number(process.env.PORT ?? 8080),
  silent: true,
  gracefulShutdown: false,
  plugins: [ws({ resolve: async (request) => (await app.fetch(request)).crossws })],
})

/** Ends the server, after `hub.close()`. */
export const close = () => server.close()
process.once("SIGTERM", () => hub.close().then(close))
