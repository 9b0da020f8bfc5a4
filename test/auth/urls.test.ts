import { createChannel } from "everwire"
import type { Principal } from "everwire/node"
import { afterAll, describe, expect, it, vi } from "vitest"
import { platform } from "../../src/runtimes/node/platform.ts"
import { ask, bodyOf } from "../hostile/attack.ts"
import { createRuntime, disposeAll, nextOf, onArrival, onDispose, startHub, transports } from "../support/hub-server.ts"

// All wait for the same lives of tokens in real time, each with a hub of its own.
afterAll(disposeAll)

const TOKEN = "credentials-that-nobody-else-may-read"

/** A function that notes each URL that it is called with, and calls the real one. */
function noting<Given extends unknown[], Result>(
  urls: string[],
  real: ((...given: Given) => Result) | undefined,
): (...given: Given) => Result {
  if (real === undefined) throw new Error("the platform of Node has all three")
  return (...given) => {
    urls.push(String((given[0] as { url?: unknown }).url ?? given[0])) // a URL, or a Request
    return real(...given)
  }
}

/** A runtime that notes each id that it makes. */
function notingRuntime(made: string[], name: string): ReturnType<typeof createRuntime> {
  return createRuntime({
    id() {
      made.push(`${name}-number-${String(made.length).padStart(16, "0")}`)
      return made.at(-1) ?? ""
    },
  })
}

describe("the URLs of a conversation", { concurrent: true }, () => {
  it.each(transports)("over %s have no credentials, keys or ids of links", async (transport) => {
    const urls: string[] = []
    const [channelIds, hubIds]: [string[], string[]] = [[], []]
    const { hub, url, server, sockets } = await startHub({
      runtime: notingRuntime(hubIds, "the-hubs-secret"),
      authenticate: ({ auth }) => auth as Principal,
    })
    onArrival(server, (request) => urls.push(new URL(request.url ?? "", url).href))
    const real = platform()
    const channel = createChannel(url, {
      transports: [transport],
      runtime: notingRuntime(channelIds, "the-channels-secret"),
      platform: {
        fetch: noting(urls, real.fetch),
        openSocket: noting(urls, real.openSocket),
        openStream: noting(urls, real.openStream),
      },
      auth: ({ reason }) => ({
        id: TOKEN,
        secret: TOKEN,
        expiresAt: Date.now() + (reason === "connect" ? 3_000 : 60_000),
      }),
    })
    onDispose(() => void channel.close({ flushMs: 0 }))
    await channel.opened
    hub.on("up", (_, peer) => peer.send("down", TOKEN))
    channel.send("up", TOKEN)
    await nextOf<unknown>((listener) => channel.on("down", listener))
    // A change of wire: the session is resumed.
    for (const socket of sockets) socket.resetAndDestroy()
    channel.send("up", TOKEN)
    await nextOf<unknown>((listener) => channel.on("down", listener))
    // Fresh credentials on the link.
    const [peer] = hub.peers.values()
    const before = peer?.principal.expiresAt ?? 0
    const isRenewed = (): void => expect(peer?.principal.expiresAt).toBeGreaterThan(before + 30_000)
    await vi.waitFor(isRenewed, { timeout: 30_000, interval: 10 })
    await channel.close()

    expect(urls.length).toBeGreaterThan(3) // at least two dials, each noted at both ends
    expect([channelIds.length, hubIds.length].map((count) => count > 1)).toEqual([true, true])
    const streams = urls.filter((each) => each.includes("?"))
    for (const each of urls.map(decodeURIComponent)) {
      const { pathname, searchParams, hash } = new URL(each)
      expect([pathname, hash]).toEqual([`/everwire/${transport}`, ""])
      expect([...searchParams.keys()]).toEqual(streams.includes(each) ? ["ticket"] : [])
      for (const secret of [TOKEN, ...channelIds]) expect(each).not.toContain(secret)
      for (const id of hubIds) if (id !== searchParams.get("ticket")) expect(each).not.toContain(id)
    }
    expect(streams.length > 0).toBe(transport === "sse")
    // The ticket of a stream is used up, and is no other secret.
    for (const stream of new Set(streams)) {
      const again = new URL(stream)
      again.protocol = "http:"
      expect((await ask(again.href, { method: "GET" })).status).toBe(204)
      const link = again.searchParams.get("ticket")
      expect(hubIds).toContain(link)
      expect((await ask(`${url}/sse`, { body: bodyOf({ link, up: 2 }, "p0") })).code).toBe("link-unknown")
    }
  })
})
