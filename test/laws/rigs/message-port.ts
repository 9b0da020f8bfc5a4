import { messagePort, messagePortAcceptor } from "../../../examples/message-port/message-port.mjs"
import type { Seat, TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import { httpTraits } from "./built-in-traits.ts"
import { forLoopback, hastyClock } from "./hasty-clock.ts"

/** The example transport over MessagePort, as Node has it. */
export const messagePorts: TransportSubject = {
  name: "the MessagePort example",
  traits: { ...httpTraits.sse, repairsLoss: false },
  setup,
}

/** Both ports of a link as the rig has them between the two ends. */
interface Crossing {
  readonly channel: MessagePort
  readonly hub: MessagePort
}

async function setup(): Promise<TransportRig> {
  const acceptor = messagePortAcceptor()
  const door = new MessageChannel()
  const crossings = new Set<Crossing>()
  let isThere = true

  /** Puts a pair of ports between the two ends of a link, so that it can be broken. */
  const cross = (channel: MessagePort): void => {
    const { port1: hub, port2 } = new MessageChannel()
    const crossing = { channel, hub }
    crossings.add(crossing)
    for (const [from, to] of [
      [channel, hub],
      [hub, channel],
    ] as const) {
      from.onmessage = ({ data }) => to.postMessage(data)
      from.addEventListener("close", () => {
        to.close()
        crossings.delete(crossing)
      })
    }
    door.port1.postMessage({ everwire: port2 }, [port2])
  }
  const sever = (): void => {
    for (const { channel, hub } of crossings) {
      channel.close()
      hub.close()
    }
  }

  return {
    runtime: hastyClock,
    dialer: messagePort({
      postMessage(message) {
        const { everwire } = message as { everwire: MessagePort } // what the dialer posts
        if (isThere) cross(everwire)
        else everwire.close()
      },
    }),
    listen(given) {
      acceptor.listen(door.port2)
      const { close } = acceptor.open(given)
      door.port2.addEventListener("close", () => close?.())
      return {}
    },
    settle: forLoopback,
    leftovers: () => Array.from(crossings, () => "a pair of ports"),
    teardown() {
      isThere = false
      door.port1.close()
      sever()
    },
    vanish(seat: Seat) {
      if (seat === "hub") isThere = false
      sever()
    },
    sever,
    garble: (toward) => Array.from(crossings).at(-1)?.[toward].postMessage({ no: "batch" }),
    intrude() {
      for (const message of [null, 7, "dial", { everwire: "dial" }, { everwire: null }]) door.port1.postMessage(message)
      const { port1, port2 } = new MessageChannel()
      door.port1.postMessage({ everwire: port2 }, [port2])
      port1.postMessage({ garbage: [1, 2, 3] })
      port1.addEventListener("close", () => port1.close())
      port1.start()
    },
  }
}
