// `hub.disconnect` while `authenticate` has not answered yet for a hello: as its documentation says.

import { createChannel } from "everwire"
import { createHub, type Principal } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"

it("a channel for which authenticate was called before gets in with its answer, within five seconds", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const banned = new Set<string>()
  const answers: (() => void)[] = []
  const hub = createHub({
    runtime,
    transports: [network.acceptor("wire")],
    authenticate: ({ auth }) => {
      const id = String(auth)
      const isBanned = banned.has(id)
      return new Promise<Principal | null>((resolve) => answers.push(() => resolve(isBanned ? null : { id })))
    },
  })
  const create = () =>
    createChannel("http://hub", { runtime, store: null, transports: [network.dialer("wire")], auth: () => "ann" })
  const early = create()
  await runtime.pass(100)
  expect(answers).toHaveLength(1)

  banned.add("ann")
  expect(await hub.disconnect({ principal: "ann" })).toBe(0)
  const late = create()
  const refused = late.opened.catch((error: unknown) => error)
  await runtime.pass(4_800)
  for (const answer of answers) answer()
  await runtime.pass(100)
  expect([early.status, late.status]).toEqual(["open", "closed"])
  expect(await refused).toMatchObject({ code: "unauthorized" })

  // Five seconds after the first call there is none left that could slip in.
  expect(await hub.disconnect({ principal: "ann" })).toBe(1)
  await runtime.pass(60_000)
  expect([early.status, hub.peers.size]).toEqual(["closed", 0])
})

it("an answer that comes later than five seconds lets nobody in", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const answers: (() => void)[] = []
  const hub = createHub({
    runtime,
    transports: [network.acceptor("wire")],
    authenticate: () => new Promise<Principal>((resolve) => answers.push(() => resolve({ id: "ann" }))),
  })
  hub.onError(() => {})
  createChannel("http://hub", { runtime, store: null, transports: [network.dialer("wire")], auth: () => "ann" })
  await runtime.pass(5_100)
  answers[0]?.() // the channel has dialed again, which is another call
  await runtime.pass(100)
  expect(hub.peers.size).toBe(0)
})
