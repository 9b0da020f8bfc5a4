// For proofs/laws.ts: a hub on a free port.
import { createHub } from "everwire/bun"

export async function serve(options) {
  const hub = createHub(options)
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => hub.answer(request, server) ?? new Response("the application"),
    websocket: hub.websocket,
  })
  return { port: server.port, close: () => hub.close().then(() => server.stop(true)) }
}
