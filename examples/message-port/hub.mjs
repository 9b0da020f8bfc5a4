// @ts-check
/** The hub, in a worker thread. */
import { parentPort } from "node:worker_threads"
import { createHub } from "everwire/server"
import { messagePortAcceptor } from "./message-port.mjs"

const acceptor = messagePortAcceptor()
const hub = createHub({ transports: [acceptor] })
hub.on("shout", (data) => hub.send("echo", String(data).toUpperCase()))
hub.handle("add", (data) => {
  const [one, other] = /** @type {[number, number]} */ (data)
  return one + other
})

// Node's ports have all methods of the web's ports that are used here, but their types say otherwise.
acceptor.listen(/** @type {import("./message-port.mjs").Endpoint} */ (/** @type {unknown} */ (parentPort)))
