// Runs a recipe (`node serve.mjs ./server.mjs`), adds to its hub the handlers that talk.mjs needs, and closes hub and
// server in the order that the client asks for.

import { answer } from "./handlers.mjs"

const { hub, close } = await import(process.argv[2])

answer(hub)
hub.on("leave", leave)
if (process.env.FAULTS === undefined) {
  hub.onPeer((peer) => {
    peer.onClose((closing) => {
      // The channel has said goodbye, so the server can close. The answer to the goodbye must go out first, because some
      // servers, such as Vite's, cut their connections when they close.
      if (closing.code === "closed-by-peer") setTimeout(leave, ANSWER_MS, "channel")
    })
  })
}

/** Time for the answer to a goodbye to reach the channel, and for the server to close, in milliseconds. */
const ANSWER_MS = 250
const CLOSE_MS = 1_000

let isLeaving = false

async function leave(order) {
  if (isLeaving) return
  isLeaving = true
  const startedAt = performance.now()
  if (order === "server") await Promise.all([close(), hub.close()])
  else await hub.close().then(close)
  const tookMs = Math.round(performance.now() - startedAt)
  if (tookMs > CLOSE_MS) {
    console.error(`Error: the server took ${tookMs} ms to close`)
    process.exitCode = 1
  }
}
