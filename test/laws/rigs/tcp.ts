import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tcp, tcpAcceptor } from "../../../examples/tcp/tcp.mjs"
import type { TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import { websocketTraits } from "./built-in-traits.ts"
import { forLoopback, hastyClock } from "./hasty-clock.ts"
import { knock, Relay } from "./relay.ts"

/**
 * The example transport over sockets: a Unix domain socket at the hub, TCP at the channel, and a relay between them.
 */
export const tcpSockets: TransportSubject = { name: "the TCP example", traits: websocketTraits, setup }

let worlds = 0

async function setup(): Promise<TransportRig> {
  const path = join(tmpdir(), `everwire-laws-${process.pid}-${++worlds}`)
  const server = createServer()
  const accepted = new Set<Socket>()
  server.on("connection", (socket) => {
    accepted.add(socket)
    socket.on("close", () => accepted.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const relay = await Relay.to({ path })
  let close = (): void => {}
  return {
    runtime: hastyClock,
    dialer: tcp({ host: "127.0.0.1", port: relay.port }),
    listen(door) {
      const open = tcpAcceptor(server).open(door)
      close = () => open.close?.()
      return {}
    },
    settle: forLoopback,
    leftovers: () => [
      ...Array.from(accepted, () => "a socket at the hub"),
      ...(server.listenerCount("connection") > 2 ? ["a listener too many on the server"] : []),
      ...relay.leftovers,
    ],
    async teardown() {
      close()
      relay.close()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
    vanish: () => relay.refuse(),
    sever: () => relay.sever(),
    garble: (toward) => relay.inject(toward, new Uint8Array([9, 0, 0, 0, 2, 1, 2])),
    async intrude() {
      for (const words of [
        "GET / HTTP/1.1\r\n\r\n",
        "\xff\xff\xff\xff\xff\xff",
        "\x02\x00\x00\x00\x00",
        "\x00\x00\x00\x00\x01\xff",
      ]) {
        await knock({ path }, words)
      }
    },
  }
}
