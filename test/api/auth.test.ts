import { type CreateChannelOptions, createChannel, EverwireError } from "everwire"
import type { Authenticate, Credentials, Peer } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { connect, createRuntime, disposeAll, nextOf, onDispose, startHub, transports } from "../support/hub-server.ts"

afterEach(disposeAll)

/** Returns the principal that a hub with this `authenticate` gives to a channel with these options. */
async function admitted(authenticate: Authenticate, options: CreateChannelOptions = {}): Promise<unknown> {
  const { hub, url } = await startHub({ authenticate })
  const peer = nextOf<Peer>((listener) => hub.onPeer(listener))
  await connect(url, options)
  return (await peer).principal
}

/** Returns the error with which a hub with this `authenticate` refuses a channel. */
async function refused(authenticate: unknown, options: CreateChannelOptions = {}): Promise<unknown> {
  // Untyped JavaScript can return anything.
  const { hub, url } = await startHub({ authenticate: authenticate as Authenticate })
  hub.onPeer(() => expect.unreachable())
  hub.onError(() => {})
  const channel = createChannel(url, options)
  onDispose(() => channel.close())
  await expect(channel.opened).rejects.toThrow()
  return await channel.opened.catch((error: unknown) => error)
}

/** An object that is not a Promise but can be awaited. */
function thenable<T>(value: T): PromiseLike<T> {
  const promise = Promise.resolve(value)
  // biome-ignore lint/suspicious/noThenProperty: that is what it is for
  return { then: (resolve, reject) => promise.then(resolve, reject) }
}

const unauthorized = expect.objectContaining({ code: "unauthorized" })

describe.each(transports)("authenticate over %s", (transport) => {
  const only = { transports: [transport] }

  it("is given the result of the channel's auth, and the request that opened the link", async () => {
    let given: Credentials | undefined
    const principal = await admitted(
      (credentials) => {
        given = credentials
        return { id: "ann" }
      },
      { ...only, auth: () => ({ token: "secret" }) },
    )
    expect(principal).toEqual({ id: "ann" })
    expect(given?.auth).toEqual({ token: "secret" })
    expect(given?.origin).toMatchObject({ transport, address: "127.0.0.1" })
    expect(given?.origin.header("host")).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it("refuses with null: the channel is closed, and says why", async () => {
    expect(await refused(() => null, only)).toEqual(unauthorized)
  })

  it("may take time to refuse: the channel hears the reason all the same", async () => {
    const later = (): Promise<null> => new Promise((resolve) => setImmediate(resolve, null))
    expect(await refused(later, only)).toEqual(unauthorized)
  })
})

describe("authenticate", () => {
  it("may be asynchronous, with a promise of any implementation", async () => {
    expect(await admitted(async () => ({ id: "ann" }))).toEqual({ id: "ann" })
    expect(await admitted(() => thenable({ id: "bob" }))).toEqual({ id: "bob" })
  })

  it.each([
    ["undefined", () => undefined],
    ["false", () => false],
    ["true", () => true],
    ["a principal without an id", () => ({})],
    ["a promise of undefined", async () => undefined],
    ["a thenable of null", () => thenable(null)],
  ])("that returns %s admits no channel", async (_, authenticate) => {
    expect(await refused(authenticate, { transports: ["websocket"] })).toEqual(unauthorized)
  })

  it("refuses with the message of an EverwireError that it throws", async () => {
    const refuse = (): never => {
      throw new EverwireError("unauthorized", "your trial is over")
    }
    expect(await refused(refuse)).toMatchObject({ code: "unauthorized", message: "your trial is over" })
    expect(await refused(async () => refuse())).toMatchObject({ code: "unauthorized", message: "your trial is over" })
  })

  it.each(["throws", "rejects"])(
    "that %s with an error of its own is reported to the hub in full, tells the channel nothing, and is called again",
    async (how) => {
      const failure = new Error("connect ECONNREFUSED db-7.internal")
      let calls = 0
      const { hub, url } = await startHub({
        authenticate: () => {
          if (++calls > 2) return { id: "ann" }
          if (how === "throws") throw failure
          return Promise.reject(failure)
        },
      })
      const failed = new Promise((resolve) => hub.onError((error, { stage }) => resolve([error, stage])))
      const channel = await connect(url, { transports: ["websocket"], runtime: createRuntime({ random: () => 0 }) })
      expect(await failed).toEqual([failure, "hub"])
      expect(JSON.stringify(channel.explain())).toContain("the credentials could not be judged")
      expect(JSON.stringify(channel.explain())).not.toContain("internal")
    },
  )

  it("runs on every hello, with credentials that the channel fetches anew each time", async () => {
    const seen: unknown[] = []
    const { url, sockets } = await startHub({
      authenticate: ({ auth }) => {
        seen.push(auth)
        return { id: "ann" }
      },
    })
    let token = 0
    const channel = await connect(url, { transports: ["websocket"], auth: async () => ++token })
    const again = nextOf<string>(
      (listener) => channel.onStatus(listener),
      (status) => status === "open",
    )
    for (const socket of sockets) socket.resetAndDestroy()
    await again
    expect(seen).toEqual([1, 2])
  })

  it("ends a channel whose credentials are refused when it reconnects", async () => {
    let allowed = true
    const { hub, url, sockets } = await startHub({ authenticate: () => (allowed ? { id: "ann" } : null) })
    const channel = await connect(url, { transports: ["websocket"] })
    const closed = new Promise((resolve) => {
      channel.onStatus((status, { closing }) => status === "closed" && resolve(closing?.code))
    })
    allowed = false
    for (const socket of sockets) socket.resetAndDestroy()
    expect(await closed).toBe("unauthorized")
    expect(hub.peers.size).toBe(1)
  })
})

describe("the auth option of a channel", () => {
  it.each(["throws", "rejects"])("that %s is reported to onError, and called again", async (how) => {
    const { url } = await startHub()
    const failure = new Error("no token today")
    let calls = 0
    const channel = createChannel(url, {
      transports: ["websocket"],
      runtime: createRuntime({ random: () => 0 }),
      auth: () => {
        if (++calls > 2) return "token"
        if (how === "throws") throw failure
        return Promise.reject(failure)
      },
    })
    onDispose(() => channel.close())
    const failed = new Promise((resolve) => channel.onError((error, stage) => resolve([error, stage])))
    await channel.opened
    expect(await failed).toEqual([failure, "connection"])
  })
})

describe("a session", () => {
  it("answers only to the principal that began it, although another knows its id and key", async () => {
    const { hub, url } = await startHub({ authenticate: ({ auth }) => ({ id: String(auth) }) })
    hub.handle("whoami", (_, peer) => peer.principal.id)
    const ids = (): (() => string) => {
      let n = 0
      return () => `the-same-id-and-key-${String(++n).padStart(8, "0")}`
    }
    const ann = await connect(url, {
      transports: ["websocket"],
      auth: () => "ann",
      runtime: createRuntime({ id: ids() }),
    })
    const thief = createChannel(url, {
      transports: ["websocket"],
      auth: () => "bob",
      runtime: createRuntime({ id: ids() }),
    })
    await expect(thief.opened).rejects.toMatchObject({ code: "session-forbidden" })
    expect(await ann.request("whoami")).toBe("ann")
    expect(hub.peers.size).toBe(1)
  })
})
