// Runs a recipe (`node serve.mjs ./server.mjs`), gives its hub what talk.mjs asks for, and leaves in the order asked for.

const { hub, close } = await import(process.argv[2])

hub.on("up", (data, peer) => peer.send("down", data))
hub.handle("sum", (numbers) => numbers.reduce((sum, number) => sum + number, 0))
hub.on("leave", leave)
hub.onPeer((peer) => {
  peer.onClose((closing) => {
    // The channel said goodbye, and the server has no more to do. The answer to the goodbye goes before: a server like
    // Vite's cuts its connections when it closes.
    if (closing.code === "closed-by-peer") setTimeout(leave, ANSWER_MS, "channel")
  })
})

/** How long the answer to a goodbye may take to the channel, and the server to close, in milliseconds. */
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
