import { createServer, request, type Server } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"

/** A proxy that gives each request and each upgrade to the next of several servers, as one without sticky sessions does. */
export interface RoundRobin {
  readonly port: number
  readonly url: string
  /** How many requests and upgrades each server got. */
  readonly served: readonly number[]
  /** The server gets nothing more; what is open stays open. */
  leaveOut(index: number): void
  /** The server gets its share again, perhaps at another port. */
  bringBack(index: number, port: number): void
  close(): Promise<void>
}

export async function startRoundRobin(ports: readonly number[]): Promise<RoundRobin> {
  const backends: (number | undefined)[] = [...ports]
  const served = ports.map(() => 0)
  const sockets = new Set<Socket>()
  let turn = 0
  const next = (): number => {
    for (;;) {
      const index = turn++ % backends.length
      const port = backends[index]
      if (port === undefined) continue
      served[index] = (served[index] ?? 0) + 1
      return port
    }
  }
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
  }
  const server: Server = createServer((incoming, answer) => {
    const { method, url, headers } = incoming
    const onward = request({ host: "127.0.0.1", port: next(), method, path: url, headers, agent: false })
    onward.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      answer.flushHeaders()
      response.pipe(answer)
      response.on("error", () => answer.destroy())
    })
    onward.on("error", () => answer.destroy())
    answer.on("close", () => onward.destroy())
    incoming.on("error", () => onward.destroy())
    incoming.pipe(onward)
  })
  server.on("connection", keep)
  server.on("upgrade", (incoming, client, head) => {
    const upstream = connect(next(), "127.0.0.1")
    keep(upstream)
    const { method, url, rawHeaders } = incoming
    let text = `${method} ${url} HTTP/1.1\r\n`
    for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
    upstream.write(`${text}\r\n`)
    upstream.write(head)
    client.on("error", () => upstream.destroy())
    upstream.once("close", () => client.destroy())
    client.once("close", () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo // it listens on a TCP port, so its address is no pipe
  return {
    port,
    url: `http://127.0.0.1:${port}/everwire`,
    served,
    leaveOut(index) {
      backends[index] = undefined
    },
    bringBack(index, again) {
      backends[index] = again
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
