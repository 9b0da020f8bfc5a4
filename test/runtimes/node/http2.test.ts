import { once } from "node:events"
import { type ClientHttp2Session, connect as connectHttp2, createServer, type IncomingHttpHeaders } from "node:http2"
import type { AddressInfo } from "node:net"
import { createHub, type NodeHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { createRuntime, disposeAll, onDispose } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** A hub as the request listener of an HTTP/2 server, and a connection to it. */
async function startHttp2(): Promise<{ session: ClientHttp2Session; origin: string; hub: NodeHub }> {
  const hub = createHub()
  // The compatibility API of node:http2 passes requests and responses of the same shape.
  const server = createServer(hub.listener as unknown as Parameters<typeof createServer>[0])
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // The server listens on a TCP port, so its address is not a pipe.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const session = connectHttp2(origin)
  onDispose(async () => {
    await hub.close()
    session.destroy()
    server.close()
  })
  return { session, origin, hub }
}

/** One exchange. Resolves when the answer ends, or when it holds the expected text. */
function ask(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: string,
  until = "\u0000",
): Promise<{ status: number; text: string; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined })
    let answer: IncomingHttpHeaders = {}
    let text = ""
    const finish = (): void => resolve({ status: Number(answer[":status"]), text, headers: answer })
    stream.on("response", (given) => {
      answer = given
    })
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes(until)) finish()
    })
    stream.on("end", finish)
    stream.on("error", reject)
    if (body !== undefined) stream.end(body)
  })
}

describe("the hub's listener on HTTP/2", () => {
  it("serves polls and streams, recognises its own host, and closes no connection", async () => {
    const { session, origin, hub } = await startHttp2()
    const { id } = createRuntime()
    const hello = `h${JSON.stringify({ v: 1, id: id(), key: id(), heard: 0, acked: 0, turn: 1 })}`
    const page = { origin, cookie: "session=1" }
    const greeted = await ask(session, { ":method": "POST", ":path": "/everwire/sse", ...page }, `@{"up":1}\n${hello}`)
    expect(greeted.status).toBe(200)
    const ticket = /"ticket":"([^"]+)"/.exec(greeted.text)?.[1]
    const stream = await ask(session, { ":path": `/everwire/sse?ticket=${ticket}`, ...page }, undefined, "data:w{")
    expect(stream.headers["content-type"]).toBe("text/event-stream")
    expect(hub.peers.size).toBe(1)
    const refused = await ask(session, { ":method": "POST", ":path": "/everwire/long-poll" }, "garbage")
    expect(refused.status).toBe(400)
    const foreign = await ask(session, { ":method": "POST", ":path": "/everwire/long-poll", origin: "null" }, "")
    expect(foreign.status).toBe(403)
  })
})
