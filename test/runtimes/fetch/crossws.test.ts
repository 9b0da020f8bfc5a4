import { type CrosswsHub, type CrosswsPeer, createHub, type WebHubOptions } from "everwire/crossws"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { hello } from "../../hostile/attack.ts"
import { asking } from "./fakes.ts"

/** A peer of crossws on a runtime that cannot cut a socket, as Deno. */
class FakePeer implements CrosswsPeer {
  readonly remoteAddress = "192.0.2.7"
  readonly context: object
  readonly sent: unknown[] = []
  readonly closedWith: unknown[][] = []

  constructor(context: object) {
    this.context = context
  }
  send(data: unknown): void {
    this.sent.push(data)
  }
  close(...why: unknown[]): void {
    this.closedWith.push(why)
  }
  terminate(): void {
    throw new TypeError("ws.terminate is not a function")
  }
}

function setup(options: WebHubOptions = {}): { hub: CrosswsHub; runtime: VirtualRuntime } {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, ...options })
  hub.onRefused(() => {})
  return { hub, runtime }
}

function upgraded({ hub }: ReturnType<typeof setup>, request = asking()): FakePeer {
  const answer = hub.hooks.upgrade(request)
  if (answer instanceof Response) throw new Error(`refused with ${answer.status}`)
  return new FakePeer(answer.context)
}

const message = (rawData: string | Uint8Array) => ({ rawData, uint8Array: () => rawData as Uint8Array }) // bytes, where it is called

describe("the hooks for crossws", () => {
  it("carry a session, with the address that crossws tells when the socket is open", () => {
    const addresses: (string | undefined)[] = []
    const given = setup({
      authenticate: ({ origin }) => {
        addresses.push(origin.address)
        return { id: "u" }
      },
    })
    const peer = upgraded(given)
    given.hub.hooks.open(peer)
    given.hub.hooks.message(peer, message(hello()))
    given.runtime.advance(10)
    expect(String(peer.sent[0])).toMatch(/^w\{/)
    expect(addresses).toEqual(["192.0.2.7"])
    given.hub.hooks.close(peer, {})
    expect([...given.hub.peers.values()].map(({ connected }) => connected)).toEqual([false])
  })

  it("agree to the subprotocol everwire and to no other", () => {
    const { hub } = setup()
    const agreed = (offer: string): unknown => hub.hooks.upgrade(asking(undefined, { "sec-websocket-protocol": offer }))
    expect(agreed("everwire, x")).toMatchObject({ headers: { "sec-websocket-protocol": "everwire" } })
    expect(agreed("chat")).toMatchObject({ headers: {} })
  })

  it("refuse with the statuses that Node answers", async () => {
    const { hub } = setup()
    const status = (request: Request): number | undefined => (hub.hooks.upgrade(request) as Partial<Response>).status
    expect(status(asking(undefined, { origin: "https://evil.example" }))).toBe(403)
    expect(status(asking("/other/socket"))).toBe(404)
    await hub.close()
    expect(status(asking())).toBe(503)
  })

  it("close where the runtime cannot cut, and ignore peers that are not the hub's", async () => {
    const given = setup()
    const peer = upgraded(given)
    given.hub.hooks.open(peer)
    given.hub.hooks.message(peer, message(hello()))
    given.runtime.advance(10)
    given.hub.hooks.error(peer)
    expect(peer.closedWith).toEqual([[]])
    const foreign = new FakePeer({})
    given.hub.hooks.open(foreign)
    given.hub.hooks.message(foreign, message("x"))
    expect([foreign.sent, foreign.closedWith]).toEqual([[], []])
  })
})
