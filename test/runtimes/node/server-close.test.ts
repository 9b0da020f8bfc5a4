import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2"
import type { AddressInfo } from "node:net"
import { createHub, type NodeHub } from "everwire/node"
import { afterAll, describe, expect, it } from "vitest"
import { hello, openTcp } from "../../hostile/attack.ts"
import {
  arrival,
  connect,
  disposeAll,
  nextOf,
  onDispose,
  startHub,
  startServer,
  transports,
} from "../../support/hub-server.ts"

// Each test has a hub of its own, which stays until the end, because some of the tests run at once.
afterAll(disposeAll)

/** Asserts that a server closes in less than a second after server.close(). */
async function expectToClose(server: Server): Promise<void> {
  const startedAt = performance.now()
  await new Promise((resolve) => server.close(resolve))
  expect(performance.now() - startedAt).toBeLessThan(1_000)
}

/** The beginning of a request to the hub. */
const POST = "POST /everwire/long-poll HTTP/1.1\r\nHost: a\r\n"

/** Mounts a hub as frameworks do: as a request listener, which knows the server only by its requests. */
async function startListener(): Promise<{ server: Server; hub: NodeHub; url: string }> {
  const hub = createHub()
  onDispose(() => hub.close())
  const { server, port } = await startServer(createServer(hub.listener))
  server.on("upgrade", hub.handleUpgrade)
  return { server, hub, url: `http://127.0.0.1:${port}/everwire` }
}

describe.each([
  ["attached", startHub],
  ["as a listener", startListener],
])("server.close(), with a hub %s,", { concurrent: true }, (_, start) => {
  it.each(transports)("does not wait for a channel on %s, before the hub is closed", async (transport) => {
    const { server, hub, url } = await start()
    const channel = await connect(url, { transports: [transport] })
    channel.send("n", 1)
    await channel.flush()
    const closing = nextOf<string | undefined>((told) => channel.onStatus((_, detail) => told(detail.closing?.code)))
    await expectToClose(server)
    // Between two polls the channel has no request at the server, and its next poll is refused.
    const told = transport.endsWith("poll") ? /^(hub-closing|network)$/ : /^hub-closing$/
    expect(await closing).toMatch(told)
    expect(channel.status).toBe("reconnecting")
    await hub.close()
  })

  it.each(transports)("nor after it, nor in the same tick, with a channel on %s", async (transport) => {
    for (const pause of [true, false]) {
      const { server, hub, url } = await start()
      const channel = await connect(url, { transports: [transport] })
      channel.send("n", 1)
      await channel.flush()
      const closed = hub.close()
      if (pause) await closed
      await expectToClose(server)
    }
  })

  it.each(transports)("nor after a channel on %s was closed", async (transport) => {
    const { server, url } = await start()
    const channel = await connect(url, { transports: [transport] })
    await channel.close()
    await expectToClose(server)
  })
})

// One after another, so that the forty streams take no time from what has to end within a second.
describe("server.close()", () => {
  it("answers a poll that is held with the reason", async () => {
    const { server, port } = await startHub()
    const { socket } = await openTcp(port)
    const post = async (body: string): Promise<string> => {
      const answer = once(socket, "data")
      socket.write(`${POST}Content-Length: ${body.length}\r\n\r\n${body}`)
      return String((await answer)[0])
    }
    const welcome = await post(`@{"up":1,"poll":1}\n${hello()}`)
    const arrived = arrival(server)
    const held = post(`@{"link":"${/"link":"([^"]+)/.exec(welcome)?.[1]}","poll":2}`)
    await arrived
    await expectToClose(server)
    expect(await held).toMatch(/Connection: close[\s\S]*"poll":2,"close":\{"code":"hub-closing"/i)
  })

  it("does not wait for forty streams", async () => {
    const { server, url } = await startHub()
    const channels = await Promise.all(Array.from({ length: 40 }, () => connect(url, { transports: ["sse"] })))
    await expectToClose(server)
    // Each channel tries for a while to send its bye.
    await Promise.all(channels.map((channel) => channel.close()))
  })

  it.each(transports)("keeps the session of %s: a server that listens again has it", async (transport) => {
    const { server, hub, url, port } = await startHub()
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push(data))
    const channel = await connect(url, { transports: [transport] })
    channel.send("n", 1)
    await channel.flush()
    const peers = [...hub.peers.values()]
    await expectToClose(server)
    channel.send("n", 2)
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    channel.retry()
    await channel.flush()
    expect(heard).toEqual([1, 2])
    expect([...hub.peers.values()]).toEqual(peers)
  })

  it.each<[title: string, bytes: string]>([
    [
      "a WebSocket that answers no closing frame",
      "GET /everwire/websocket HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: a\r\n" +
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
    ["a body that stopped in the middle", `${POST}Content-Length: 9\r\n\r\n@{`],
    ["a refused body that is still written", `${POST}Origin: null\r\nContent-Length: 9\r\n\r\n@{`],
  ])("cuts %s", async (_, bytes) => {
    const { server, port } = await startHub()
    const { socket } = await openTcp(port)
    socket.on("error", () => {}) // The connection may be reset.
    const arrived = arrival(server)
    socket.write(bytes)
    await arrived
    await expectToClose(server)
  })

  it("admits no one on the connections that are left", async () => {
    const { server, port, hub } = await startHub()
    const { socket } = await openTcp(port)
    const body = `@{"up":1,"poll":1}\n${hello()}`
    socket.write(`${POST}Content-Length: ${body.length}\r\n`)
    await new Promise((resolve) => setImmediate(resolve))
    const closed = expectToClose(server)
    const answer = once(socket, "data")
    socket.write(`\r\n${body}`)
    const text = String((await answer)[0])
    expect(text).toMatch(/^HTTP\/1.1 503 /)
    expect(text).toContain("hub-closing")
    expect(hub.peers.size).toBe(0)
    await closed
  })

  it("does not wait for a connection whose first request comes later, as from a channel that dials again", async () => {
    const { server, port, hub } = await startHub({}, (_, response) => void response.end())
    await hub.close() // From now on the application answers on the hub's path.
    const accepted = once(server, "connection")
    const { socket } = await openTcp(port)
    await accepted
    const closed = expectToClose(server)
    const answer = once(socket, "data")
    socket.write(`${POST}Content-Length: 0\r\n\r\n`)
    expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 200 /)
    await closed
  })

  it("ends sessions of HTTP/2 that carried the hub's streams", async () => {
    const hub = createHub()
    onDispose(() => hub.close())
    const server = createHttp2Server()
    hub.attach(server)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    // The server listens on a TCP port.
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ":method": "POST", ":path": "/everwire/long-poll" })
    stream.end(`@{"up":1,"poll":1}\n${hello()}`)
    stream.resume()
    await once(stream, "end")
    await expectToClose(server as unknown as Server)
    session.destroy()
  })

  it("closes the application's own connections as before, and costs nothing for hubs that got no request", async () => {
    const { server, port } = await startHub({}, (_, response) => void response.end())
    await (await fetch(`http://127.0.0.1:${port}/page`)).text()
    await expectToClose(server)
    await expect(
      new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve()))),
    ).rejects.toThrow("not running")
  })
})
