import { createHub } from "everwire/server"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = Deno.serve({ port: Number(Deno.env.get("PORT") ?? 8080) }, (request, { remoteAddr }) =>
  new URL(request.url).pathname.startsWith(`${hub.path}/`)
    ? hub.fetch(request, remoteAddr.hostname)
    : new Response("the application"),
)

/** Ends the server, after `hub.close()`. */
export const close = () => server.shutdown()
