import { describe, expect, it } from "vitest"
import { createWorld, helloOf, type RawLink } from "./support.ts"

/** The fields of the first packet that came on the link, and its kind. */
function firstOf({ received }: RawLink): Record<string, unknown> {
  const packet = String(received[0] ?? "{}")
  return { kind: packet.charAt(0), ...(JSON.parse(packet.slice(1)) as object) }
}

describe("a session that is new", () => {
  it("begins at exactly one process when its hello reaches three at the same moment", async () => {
    const world = await createWorld(3)
    const links = [0, 1, 2].map((index) => world.link(index))
    for (const link of links) link.send(helloOf("n"))
    await world.runtime.pass(200)
    const sizes = world.processes.map(({ hub }) => hub.peers.size)
    expect(sizes.toSorted()).toEqual([0, 0, 1])
    const owner = world.processes[sizes.indexOf(1)]?.hub.id
    expect(links.map(firstOf)).toMatchObject([0, 1, 2].map(() => ({ kind: "w", hub: owner })))
  })

  it("does not begin before the store has answered", async () => {
    const world = await createWorld(2)
    world.bus.slowStore(500)
    const link = world.link(0)
    link.send(helloOf("n"))
    await world.runtime.pass(400)
    expect(world.processes[0]?.hub.peers.size).toBe(0)
    await world.runtime.pass(300)
    expect(firstOf(link)).toMatchObject({ kind: "w" })
  })

  it("is refused with a wait when the store does not answer in time", async () => {
    const world = await createWorld(2)
    world.bus.slowStore(60_000)
    const link = world.link(0)
    link.send(helloOf("n"))
    await world.runtime.pass(2_500)
    expect(firstOf(link)).toMatchObject({
      kind: "b",
      code: "backplane-unavailable",
      retryable: true,
      retryAfterMs: 1_000,
    })
    expect(world.processes[0]?.hub.peers.size).toBe(0)
  })

  it("does not begin a second time when the process that may have begun it has died", async () => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    world.link(0).send(helloOf("n"))
    await runtime.pass(200)
    expect(processes[0]?.hub.peers.size).toBe(1)
    processes[0]?.kill()
    await runtime.pass(8_000)
    const link = world.link(1)
    link.send(helloOf("n"))
    await runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "b", code: "session-unknown" })
    expect(processes[1]?.hub.peers.size).toBe(0)
  })

  it("leaves no claim at a process that is full", async () => {
    const world = await createWorld(2, { limits: { maxSessions: 1 } })
    const { runtime, processes } = world
    world.link(0).send(helloOf("a"))
    await runtime.pass(200)
    const refused = world.link(0)
    refused.send(helloOf("n"))
    await runtime.pass(200)
    expect(firstOf(refused)).toMatchObject({ kind: "b", code: "over-capacity" })
    const link = world.link(1)
    link.send(helloOf("n"))
    await runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "w", hub: processes[1]?.hub.id })
  })
})

describe("a hello that names a hub", () => {
  it("of a living process is answered by it, with nothing asked of the store", async () => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    world.link(0).send(helloOf("n"))
    await runtime.pass(200)
    world.bus.slowStore(60_000)
    const link = world.link(1)
    link.send(helloOf("n", { hub: processes[0]?.hub.id, turn: 2 }))
    await runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "w", hub: processes[0]?.hub.id, resumed: true })
  })

  it("that is made up is refused at once, and no other process hears of it", async () => {
    const world = await createWorld(2)
    let published = 0
    const { backplane } = world.processes[0] ?? {}
    if (backplane === undefined) throw new Error("no backplane")
    const { publish } = backplane
    backplane.publish = (topic, data) => {
      if (topic.includes(".to.")) published++
      publish.call(backplane, topic, data)
    }
    const link = world.link(0)
    link.send(helloOf("n", { hub: "made-up" }))
    await world.runtime.pass(100)
    expect(firstOf(link)).toMatchObject({ kind: "b", code: "session-unknown" })
    expect(published).toBe(0)
  })

  it("is not disowned while this process cannot tell which others live", async () => {
    const world = await createWorld(2)
    const { runtime, processes, bus } = world
    bus.stop()
    await runtime.pass(100)
    const link = world.link(0)
    link.send(helloOf("n", { hub: "made-up" }))
    await runtime.pass(100)
    expect(firstOf(link)).toMatchObject({ kind: "b", code: "backplane-unavailable" })
    expect(processes[0]?.hub.peers.size).toBe(0)
  })
})

describe("the principal of a hello that is relayed", () => {
  it("crosses as plain data", async () => {
    const principal = { id: "u1", roles: ["reader"], born: new Date(7), extra: { deep: new Map([["k", 1n]]) } }
    const world = await createWorld(2, { authenticate: () => principal })
    world.link(0).send(helloOf("n"))
    await world.runtime.pass(200)
    const link = world.link(1)
    link.send(helloOf("n", { hub: world.processes[0]?.hub.id, turn: 2 }))
    await world.runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "w" })
    expect([...(world.processes[0]?.hub.peers.values() ?? [])].map((peer) => peer.principal)).toEqual([principal])
  })

  it("must be the one of the session", async () => {
    const world = await createWorld(2, { authenticate: ({ auth }) => ({ id: String(auth) }) })
    world.link(0).send(helloOf("n", { auth: "ann" }))
    await world.runtime.pass(200)
    const link = world.link(1)
    link.send(helloOf("n", { hub: world.processes[0]?.hub.id, turn: 2, auth: "bob" }))
    await world.runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "b", code: "session-forbidden" })
  })

  it("that cannot cross is told to the application with its path, and the link is refused", async () => {
    class Account {
      readonly #secret = 1
      get secret(): number {
        return this.#secret
      }
    }
    const world = await createWorld(2, { authenticate: () => ({ id: "u1", account: new Account() }) })
    world.link(0).send(helloOf("n"))
    await world.runtime.pass(200)
    const link = world.link(1)
    link.send(helloOf("n", { hub: world.processes[0]?.hub.id, turn: 2 }))
    await world.runtime.pass(200)
    expect(firstOf(link)).toMatchObject({ kind: "b", code: "unauthorized" })
    expect(world.processes[1]?.failures).toMatchObject([{ code: "payload-unsupported" }])
    expect(String(world.processes[1]?.failures[0])).toContain(".account")
  })
})

describe("a bye without a link", () => {
  const leave = (hub: string | undefined): Request => {
    const bye = {
      code: "closed",
      reason: "",
      retryable: false,
      id: "n".repeat(24),
      key: `${"n".repeat(23)}k`,
      said: 0,
      hub,
    }
    const body = `@${JSON.stringify({ close: bye })}\nb${JSON.stringify(bye)}`
    return new Request("http://hub/everwire/long-poll", { method: "POST", body })
  }

  it.each([
    ["that names the hub of its session", true],
    ["from a channel that knows of no welcome", false],
  ])("%s ends the session at another process", async (_, isNamed) => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    world.link(0).send(helloOf("n"))
    await runtime.pass(200)
    const answered = processes[1]?.hub.fetch(leave(isNamed ? processes[0]?.hub.id : undefined))
    await runtime.pass(3_000)
    expect((await answered)?.status).toBe(200)
    expect(processes[0]?.hub.peers.size).toBe(0)
  })
})

describe("an exchange whose link no process has", () => {
  const poll = (link: string): Request =>
    new Request("http://hub/everwire/long-poll", { method: "POST", body: `@${JSON.stringify({ link, poll: 2 })}` })

  /** Counts what the process says to others. */
  const countSaid = ({
    backplane,
  }: {
    backplane: { publish(topic: string, data: Uint8Array): void }
  }): (() => number) => {
    let said = 0
    const { publish } = backplane
    backplane.publish = (topic, data) => {
      if (topic.includes(".to.")) said++
      publish.call(backplane, topic, data)
    }
    return () => said
  }

  it.each(["made-up.abc", "made-up", ".abc", "."])(
    "and that names no living hub (%s) costs the others nothing",
    async (link) => {
      const world = await createWorld(2)
      const [process] = world.processes
      if (process === undefined) throw new Error("no process")
      const said = countSaid(process)
      const answered = process.hub.fetch(poll(link))
      await world.runtime.pass(100)
      expect((await answered).status).toBe(404)
      expect(said()).toBe(0)
    },
  )

  it("is answered by the hub that it names, with one message each way", async () => {
    const world = await createWorld(2)
    const { processes, runtime } = world
    const [process, other] = processes
    if (process === undefined || other === undefined) throw new Error("no process")
    const [asked, answering] = [countSaid(process), countSaid(other)]
    const answered = process.hub.fetch(poll(`${other.hub.id}.abc`))
    await runtime.pass(100)
    expect((await answered).status).toBe(404)
    expect(await (await answered).text()).toContain(other.hub.id)
    expect([asked(), answering()]).toEqual([1, 1])
  })

  it("is answered as one of an unknown link when that hub has died", async () => {
    const world = await createWorld(2)
    const { processes, runtime } = world
    processes[1]?.kill()
    const ask = () => processes[0]?.hub.fetch(poll(`${processes[1]?.hub.id}.abc`))
    const answered = ask()
    await runtime.pass(10_000)
    const later = ask()
    await runtime.pass(10)
    for (const answer of [await answered, await later]) {
      expect(answer?.status).toBe(404)
      // In the name of the dead one: a channel would ask three times more, as if another hub might know the link.
      expect(await answer?.text()).toContain(`"hub":"${processes[1]?.hub.id}"`)
    }
  })

  it("is answered by the hub itself, in its own name, when no process of that id was ever heard of", async () => {
    const world = await createWorld(2)
    const [process] = world.processes
    const answered = process?.hub.fetch(poll("made-up.abc"))
    await world.runtime.pass(100)
    expect(await (await answered)?.text()).toContain(`"hub":"${process?.hub.id}"`)
    expect(process?.hub.stats().refused).toEqual({ "link-unknown": 1 })
  })
})
