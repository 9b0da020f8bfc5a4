import { createNetwork, createVirtualRuntime } from "everwire/testing"
import type { TransportRig, TransportSubject, TransportTraits } from "../../../src/testing/laws.ts"
import type { Door, LinkSink } from "../../../src/transports/transport.ts"
import { closing } from "../../../src/wire/errors.ts"
import { turns } from "./settle.ts"

const traits: TransportTraits = {
  maxBatchBytes: 300_000,
  binary: true,
  backPressure: true,
  tellsCode: true,
  tellsReason: true,
  tellsRetryable: true,
  tellsRetryAfter: true,
  noticesVanishedHub: true,
  noticesVanishedChannel: true,
  repairsLoss: true,
  vanish: true,
  sever: true,
  garble: true,
  intrude: true,
  realTime: false,
}

/** The network of `everwire/testing`: a transport that loses nothing, reports every end and claims every trait. */
export const memoryNetwork: TransportSubject = {
  name: "the network of everwire/testing",
  traits,
  setup: createPerfectRig,
}

/** Creates the setup that saboteurs spoil. */
async function createPerfectRig(): Promise<TransportRig> {
  const runtime = createVirtualRuntime({ now: 0 })
  const network = createNetwork({ runtime, latencyMs: 1 })
  const acceptor = network.acceptor("memory")
  let stop = (): void => {}
  return {
    runtime,
    dialer: network.dialer("memory"),
    listen(door) {
      const open = acceptor.open(withLimit(door))
      stop = () => open.close?.()
      return {}
    },
    async settle() {
      runtime.advance(40)
      await turns(1)
      runtime.advance(0)
    },
    leftovers: () => network.wires.map(({ number }) => `wire ${number}`),
    teardown() {
      stop()
      network.cut()
      runtime.advance(10)
    },
    // The far end is dead, and the near end is told, as by a TCP reset.
    vanish(seat) {
      for (const wire of network.wires) wire.halfOpen(seat === "hub" ? "dialer" : "acceptor")
      if (seat === "hub") stop()
    },
    sever: () => network.cut(),
    garble() {
      network.wires.at(-1)?.cut(closing("protocol-error", "this is no batch"))
    },
    intrude() {
      const sink: LinkSink = { batch() {}, closed() {}, writable() {} }
      const platform = {}
      const stranger = network
        .dialer("memory")
        .dial({ url: "", platform, runtime, withCredentials: false, holdMs: 0, learnHold() {} }, sink)
      stranger.close(closing("closed", "no everwire here"))
    },
    lose() {
      // This network loses nothing, so there is no loss to repair.
    },
  }

  /** A door that refuses batches above the limit, as the acceptor of a real transport does. */
  function withLimit(door: Door): Door {
    return {
      ...door,
      admit(link, origin) {
        const sink = door.admit(link, origin)
        return {
          batch(batch) {
            if (batch.length <= door.maxBatchBytes) return sink.batch(batch)
            const why = closing("too-large", `a batch may hold ${door.maxBatchBytes} bytes`)
            link.close(why)
            sink.closed(why)
          },
          closed: (why) => sink.closed(why),
          writable: () => sink.writable(),
        }
      },
    }
  }
}
