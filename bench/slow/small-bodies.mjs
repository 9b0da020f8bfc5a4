import { once } from "node:events"
import { createServer, request as forward } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import { peers } from "./peers.mjs"
import { Tally } from "./tally.mjs"

/** Largest request body that the proxy accepts, in bytes. */
const MAX_BODY_BYTES = 65_536
const MESSAGE_BYTES = 1_000_000
const LIMIT_MS = 20_000

/** Sends 1 MB each way through a proxy that answers 413 to larger bodies. Measures whether and how soon they arrive. */
export async function runSmallBodies(peer) {
  const tallies = { down: new Tally(), up: new Tally() }
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const closeHub = peers[peer].serve(server, {
    there: (voice) => voice.send(tallies.down.next(MESSAGE_BYTES)),
    heard: (message) => tallies.up.hear(message),
  })
  const proxy = await startProxy(server.address().port)
  const startedAt = performance.now()
  const client = peers[peer].dial(proxy.port, (message) => tallies.down.hear(message))
  client.voice.send(tallies.up.next(MESSAGE_BYTES))
  const limitAt = startedAt + LIMIT_MS
  while (tallies.down.heard + tallies.up.heard < 2 && performance.now() < limitAt) await pause(10)
  const took = ({ heardAt }) => (heardAt > 0 ? heardAt - startedAt : undefined)
  const result = { peer, downMs: took(tallies.down), upMs: took(tallies.up), refused: proxy.refused }
  await Promise.race([client.close(), pause(500)])
  await Promise.race([closeHub(), pause(500)])
  server.closeAllConnections()
  server.close()
  proxy.close()
  return result
}

/** An HTTP proxy like many in front of servers: it buffers a request's body and streams the answer. */
async function startProxy(targetPort) {
  const proxy = createServer(async (request, response) => {
    const pieces = []
    let bytes = 0
    for await (const piece of request) {
      bytes += piece.length
      if (bytes <= MAX_BODY_BYTES) pieces.push(piece)
    }
    if (bytes > MAX_BODY_BYTES) {
      handle.refused++
      return response.writeHead(413, { "content-length": 0 }).end()
    }
    const { method, url, headers } = request
    const { "transfer-encoding": _chunked, ...others } = headers
    const body = Buffer.concat(pieces)
    const options = { port: targetPort, host: "127.0.0.1", method, path: url }
    const onward = forward({ ...options, headers: { ...others, "content-length": body.length } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
    })
    onward.on("error", () => response.destroy())
    response.on("close", () => onward.destroy())
    onward.end(body)
  })
  const handle = {
    refused: 0,
    close() {
      proxy.closeAllConnections()
      proxy.close()
    },
  }
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  return Object.assign(handle, { port: proxy.address().port })
}
