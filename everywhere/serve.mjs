// Runs a recipe (`node serve.mjs ./server.mjs`), gives its hub what talk.mjs asks for, and leaves in the order asked for.

const { hub, close } = await import(process.argv[2])

hub.on("up", (data, peer) => peer.send("down", data))
hub.handle("sum", (numbers) => numbers.reduce((sum, number) => sum + number, 0))
hub.on("leave", leave)
hub.onPeer((peer) => {
  peer.onClose((closing) => {
    // The channel said goodbye, and the server has no more to do.
    if (closing.code === "closed-by-peer") leave("channel")
  })
})

/** How long the server may take to close, in milliseconds. */
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
