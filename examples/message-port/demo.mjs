// @ts-check
/** `npm run build && node examples/message-port/demo.mjs`: two channels, and their hub in a worker thread. */
import { Worker } from "node:worker_threads"
import { createChannel } from "everwire"
import { messagePort } from "./message-port.mjs"

const worker = new Worker(new URL("./hub.mjs", import.meta.url))
const transports = [messagePort(/** @type {any} */ (worker))]
const channels = [1, 2].map(() => createChannel("http://worker", { transports }))

const heard = channels.map((channel, index) => {
  return new Promise((resolve) =>
    channel.on("echo", (text) => resolve(console.log(`channel ${index + 1} hears ${text}`))),
  )
})
await Promise.all(channels.map((channel) => channel.opened))
channels[0]?.send("shout", "hello from the main thread")
await Promise.all(heard)
console.log("2 + 3 =", await channels[1]?.request("add", [2, 3]), "over", channels[1]?.transport)

await Promise.all(channels.map((channel) => channel.close()))
await worker.terminate()
