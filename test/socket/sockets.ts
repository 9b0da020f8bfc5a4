import { createWebSocketClass } from "everwire/socket"
import { createWebSocketServer, type HubSocket, type WebSocketServerOptions } from "everwire/socket-server"
import { createDuo, type Duo, type DuoOptions } from "everwire/testing"

/** A duo with a server of sockets, and what came of each socket of the client. */
export interface SocketDuo extends Duo {
  readonly WebSocket: typeof globalThis.WebSocket
  readonly server: ReturnType<typeof createWebSocketServer>
  /** The hub's sockets, in the order in which they came. */
  readonly accepted: HubSocket[]
  /** Lets time pass, in which everything arrives. */
  settle(): Promise<void>
  /** Opens a socket and returns both ends. */
  open(url?: string, protocols?: string | string[]): Promise<{ client: WebSocket; socket: HubSocket; log: string[] }>
}

/** Starts it. `options` are those of the server, `duo` those of hub and channel. */
export async function createSocketDuo(options: WebSocketServerOptions = {}, duo: DuoOptions = {}): Promise<SocketDuo> {
  const made = await createDuo(duo)
  const server = createWebSocketServer(made.hub, options)
  const accepted: HubSocket[] = []
  server.on("connection", (socket) => accepted.push(socket))
  const WebSocket = createWebSocketClass(made.channel)
  const settle = (): Promise<void> => made.runtime.pass(1_000)
  const more = {
    WebSocket,
    server,
    accepted,
    settle,
    async open(url = "ws://host/path", protocols?: string | string[]) {
      const client = new WebSocket(url, protocols)
      const log = logOf(client)
      await settle()
      const socket = accepted.at(-1)
      if (socket === undefined) throw new Error("the socket did not open")
      return { client, socket, log }
    },
  }
  // The getters of the duo stay getters.
  return Object.assign(made, more)
}

/** Notes each event of a socket as a short text. */
export function logOf(client: WebSocket): string[] {
  const log: string[] = []
  client.addEventListener("open", () => log.push("open"))
  client.addEventListener("message", ({ data }) => log.push(`message ${typeof data === "string" ? data : tag(data)}`))
  client.addEventListener("error", () => log.push("error"))
  client.addEventListener("close", ({ code, reason, wasClean }) => {
    log.push(`close ${code} ${reason === "" ? "" : `${reason} `}${wasClean ? "clean" : "unclean"}`)
  })
  return log
}

function tag(data: unknown): string {
  return Object.prototype.toString.call(data).slice(8, -1)
}
