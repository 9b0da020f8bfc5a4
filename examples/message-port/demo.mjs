// @ts-check
/** Two channels, and their hub in a worker thread. */
import { Worker } from "node:worker_threads"
import { createChannel } from "everwire"
import { messagePort } from "./message-port.mjs"

const worker = new Worker(new URL("./hub.mjs", import.meta.url))
const transports = [messagePort(/** @type {any} */ (worker))] // as in hub.mjs
const one = createChannel("http://worker", { transports })
const other = createChannel("http://worker", { transports })

const heard = [one, other].map((channel) => new Promise((resolve) => channel.on("echo", resolve)))
await Promise.all([one.opened, other.opened])
one.send("shout", "hello")
console.log("both hear", await Promise.all(heard))
console.log("2 + 3 =", await other.request("add", [2, 3]), "over", other.transport)

await Promise.all([one.close(), other.close()])
await worker.terminate()
