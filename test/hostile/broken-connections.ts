import type { Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { frontOf } from "../../src/runtimes/node/front.ts"
import type { NodeServer } from "../../src/runtimes/node/server.ts"
import type { Arena } from "./arena.ts"
import { ask, openTcp } from "./attack.ts"

/** A request with a body, as text on the wire. */
export function raw(method: string, path: string, body = "xx", ...headers: string[]): string {
  const lines = ["Host: x", `Content-Length: ${body.length}`, ...headers].join("\r\n")
  return `${method} /everwire/${path} HTTP/1.1\r\n${lines}\r\n\r\n${body}`
}

/** The number of exchanges and sockets that the hub holds open on its server. */
export const holdsOf = ({ server }: Arena): number => frontOf(server as unknown as NodeServer).open.holds.size

/** When a client breaks its connection: at once, after one turn, after three turns, or when the first answer comes. */
export const moments: readonly ((socket: Socket) => Promise<unknown>)[] = [
  async () => {},
  () => turn(),
  async () => {
    for (let turns = 0; turns < 3; turns++) await turn()
  },
  (socket) => new Promise((resolve) => socket.once("data", resolve).once("close", resolve)),
]

/** Sends these requests on many connections, and breaks each connection. */
export async function breakOff(
  arena: Arena,
  requests: () => string | Promise<string>,
  times = moments,
  connections = 48,
): Promise<void> {
  for (let n = 0; n < connections; n++) {
    const { socket, received } = await openTcp(arena.port)
    socket.write(await requests())
    await times[n % times.length]?.(socket)
    socket.resetAndDestroy()
    await received
  }
  // When this request is answered, the hub has seen all earlier ones.
  await ask(`${arena.url}/pigeon`, { body: "" })
}
