import { expect, it } from "vitest"
import { SOON_MS, world } from "./world.ts"

it("what a peer makes the hubs send is paced by how many hear it in another process", async () => {
  const { at, person, runtime } = await world({ processes: 2, hub: { limits: { maxFanOutPerSecond: 10_000 } } })
  const ann = await person(0, "ann")
  for (let n = 0; n < 120; n++) await person(1, `p${n}`, ["a"])
  let passedOn = 0
  at(0).hub.on("say", (data) => {
    passedOn++
    at(0).hub.to("a").send("word", data)
  })
  for (let n = 0; n < 100; n++) ann.channel.send("say", n)
  await runtime.pass(SOON_MS)
  // The other process tells after the first message that it went to 120 peers.
  for (let n = 0; n < 1_000; n++) ann.channel.send("say", n)
  await runtime.pass(1_000)
  expect(passedOn).toBeGreaterThan(150)
  expect(passedOn).toBeLessThan(400)
})

it("small rooms elsewhere cost a peer next to nothing", async () => {
  const { at, person, runtime } = await world({ processes: 2, hub: { limits: { maxFanOutPerSecond: 10_000 } } })
  const ann = await person(0, "ann")
  await person(1, "bob", ["a"])
  let passedOn = 0
  at(0).hub.on("say", (data) => {
    passedOn++
    at(0).hub.to("a").send("word", data)
  })
  for (let n = 0; n < 1_000; n++) ann.channel.send("say", n)
  await runtime.pass(1_000)
  expect(passedOn).toBe(1_000)
})
