// For proofs/laws.ts: a hub on a free port.
import { createHub } from "everwire/deno"

export async function serve(options) {
  const hub = createHub(options)
  const abort = new AbortController()
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal: abort.signal, onListen() {} },
    (request, info) => hub.answer(request, info) ?? new Response("the application"),
  )
  return { port: server.addr.port, close: () => hub.close().then(() => abort.abort()) }
}
