// @ts-check
/** What the laws need to check the transport: both halves, and functions that break the connection between them. */
import { createVirtualRuntime } from "everwire/testing"
import { messagePort, messagePortAcceptor } from "./message-port.mjs"

/** @type {import("everwire/testing").TransportSubject} */
export const subject = {
  name: "message-port",
  traits: {
    maxBatchBytes: 2_000_000,
    binary: true,
    backPressure: true,
    tellsCode: true,
    tellsReason: true,
    tellsRetryable: true,
    tellsRetryAfter: true,
    noticesVanishedHub: true,
    noticesVanishedChannel: true,
    repairsLoss: false, // a port loses nothing that would have to be repeated

    vanish: true,
    sever: true,
    garble: true,
    intrude: true,
    realTime: false,
  },
  setup,
}

/** @returns {Promise<import("everwire/testing").TransportRig>} */
async function setup() {
  const runtime = createVirtualRuntime()
  const acceptor = messagePortAcceptor()
  /** The dialer posts to `outside`; the acceptor listens on `inside`. */
  const { port1: outside, port2: inside } = new MessageChannel()
  /** Open links. The rig passes on their messages. @type {Set<{ channel: MessagePort, hub: MessagePort }>} */
  const links = new Set()
  let isThere = true

  /** @param {MessagePort} channel */
  function connect(channel) {
    const { port1: hub, port2 } = new MessageChannel()
    const link = { channel, hub }
    links.add(link)
    channel.onmessage = ({ data }) => hub.postMessage(data)
    hub.onmessage = ({ data }) => channel.postMessage(data)
    for (const port of [channel, hub]) {
      port.addEventListener("close", () => {
        channel.close()
        hub.close()
        links.delete(link)
      })
    }
    outside.postMessage({ everwire: port2 }, [port2])
  }
  function sever() {
    for (const { channel } of links) channel.close()
  }

  return {
    runtime,
    dialer: messagePort({
      postMessage(message) {
        const { everwire: port } = /** @type {{ everwire: MessagePort }} */ (message)
        if (isThere) connect(port)
        else port.close()
      },
    }),
    listen(door) {
      acceptor.listen(inside)
      acceptor.open(door)
      return {}
    },
    async settle() {
      runtime.drain()
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate)
      runtime.advance(40)
    },
    leftovers: () => Array.from(links, () => "a pair of ports"),
    teardown() {
      isThere = false
      sever()
      outside.close()
    },

    vanish(seat) {
      if (seat === "hub") isThere = false
      sever()
    },
    sever,
    garble: (toward) => [...links].at(-1)?.[toward].postMessage({ no: "batch" }),
    intrude() {
      for (const message of [null, 7, "dial", { everwire: "dial" }, { everwire: null }]) outside.postMessage(message)
      const { port1, port2 } = new MessageChannel()
      outside.postMessage({ everwire: port2 }, [port2])
      port1.postMessage({ garbage: [1, 2, 3] })
      port1.addEventListener("close", () => port1.close())
      port1.start()
    },
  }
}
