// What a hostile server, or a machine on the network path, does to a channel.

import { createServer, type RequestListener } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { Duplex } from "node:stream"
import { createChannel } from "everwire"
import { SELF_SIGNED } from "../../support/certificate.ts"
import { createRuntime, onDispose, startServer } from "../../support/hub-server.ts"
import type { Arena } from "../arena.ts"
import { type Input, LINKS } from "./input.ts"

type Link = (typeof LINKS)[number]

/** Returns the code with which the channel's first dial fails. */
async function firstCode(url: string, transport: Link): Promise<string> {
  const channel = createChannel(url, { transports: [transport], runtime: createRuntime(), auth: () => "a secret" })
  onDispose(() => channel.close({ flushMs: 0 }))
  const code = await new Promise<string>((resolve) => {
    channel.onStatus((status, { closing }) => resolve(closing?.code ?? status))
  })
  await channel.close({ flushMs: 0 })
  return code
}

const impostors: readonly Input[] = LINKS.map((transport) => ({
  lesson: "a server that is not who it says",
  place: "channel",
  title: `a certificate that nobody has signed, over ${transport}`,
  outcome: "network",
  async run({ hub }: Arena) {
    const { server, port } = await startServer(createTlsServer(SELF_SIGNED))
    hub.attach(server)
    return firstCode(`https://localhost:${port}/everwire`, transport)
  },
}))

/** Each request or upgrade of `what` is redirected to another server, which must not be reached. */
const redirects: readonly Input[] = [301, 302, 303, 307, 308].flatMap((status) =>
  ([...LINKS, "the stream of sse"] as const).map(
    (what): Input => ({
      lesson: "credentials that follow a redirect",
      place: "channel",
      title: `a redirect ${status} of ${what}`,
      outcome: "redirected, 0 elsewhere",
      async run({ hub }) {
        let asked = 0
        const elsewhere = await startServer(
          createServer((_, response) => {
            asked++
            response.end()
          }),
        )
        elsewhere.server.on("upgrade", (_, socket: Duplex) => {
          asked++
          socket.destroy()
        })
        const location = `http://localhost:${elsewhere.port}/everwire`
        const listener: RequestListener = (request, response) => {
          if (what === "the stream of sse" && request.method === "POST") return void hub.listener(request, response)
          response.writeHead(status, { location }).end()
        }
        const { server, port } = await startServer(createServer(listener))
        server.on("upgrade", (_, socket: Duplex) => {
          socket.end(
            `HTTP/1.1 ${status} Elsewhere\r\nLocation: ${location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
          )
        })
        const code = await firstCode(`http://127.0.0.1:${port}/everwire`, what === "the stream of sse" ? "sse" : what)
        return `${code}, ${asked} elsewhere`
      },
    }),
  ),
)

export const channels: readonly Input[] = [...impostors, ...redirects]
