import { createHub } from "everwire/deno"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = Deno.serve(
  { port: Number(Deno.env.get("PORT") ?? 8080) },
  (request, info) => hub.answer(request, info) ?? new Response("the application"),
)

/** Ends the server, after `hub.close()`. */
export const close = () => server.shutdown()
Deno.addSignalListener("SIGTERM", () => hub.close().then(close))
