import { createVirtualRuntime, type Machine, memoryBackplane } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { BEAT_MS, Members, MISSED_BEATS, SETTLE_MS } from "../../src/cluster/members.ts"
import { Wheel } from "../../src/server/sessions/wheel.ts"

async function createMembers(count: number) {
  const runtime = createVirtualRuntime()
  const bus = memoryBackplane({ runtime })
  const start = async (hub: string) => {
    const machine: Machine = runtime.machine()
    const end = bus.end(machine)
    const gone: string[] = []
    const members = new Members({
      publish: (topic, data) => end.publish(topic, data),
      clockwork: new Wheel(machine, 0),
      hub,
      topic: "hubs",
      gone: (other) => void gone.push(other),
      failed: (error) => machine.report(error),
    })
    const subscribed = end.subscribe("hubs", (data) => members.take(data))
    await runtime.pass(5)
    await subscribed
    members.connected(true)
    return { members, machine, end, gone }
  }
  const all = []
  for (let at = 0; at < count; at++) all.push(await start(`h${at}`))
  await runtime.pass(SETTLE_MS)
  return { runtime, bus, all, start }
}

describe("the members of a cluster", () => {
  it("know each other, also one that comes later, within a moment", async () => {
    const { runtime, all, start } = await createMembers(3)
    expect(all.map(({ members }) => [...members.hubs].sort())).toEqual([
      ["h1", "h2"],
      ["h0", "h2"],
      ["h0", "h1"],
    ])
    const late = await start("h3")
    await runtime.pass(10)
    expect([...late.members.hubs].sort()).toEqual(["h0", "h1", "h2"])
    expect(all.every(({ members }) => members.lives("h3"))).toBe(true)
  })

  it("count one as dead that does not beat, and not before", async () => {
    const { runtime, all } = await createMembers(2)
    const [one, other] = all
    other?.machine.halt()
    await runtime.pass((MISSED_BEATS - 1) * BEAT_MS)
    expect(one?.members.lives("h1")).toBe(true)
    await runtime.pass(2 * BEAT_MS)
    expect(one?.members.lives("h1")).toBe(false)
    expect(one?.gone).toEqual(["h1"])
    expect(one?.members.judge("h1")).toBe(false)
  })

  it("forget one that says goodbye, at once", async () => {
    const { runtime, all } = await createMembers(2)
    all[1]?.members.close()
    await runtime.pass(2)
    expect(all[0]?.gone).toEqual(["h1"])
  })

  it("remember who has ended, until that one is heard again", async () => {
    const { runtime, all } = await createMembers(2)
    const [one, other] = all
    expect(one?.members.hasEnded("h1")).toBe(false)
    other?.machine.sleep()
    await runtime.pass((MISSED_BEATS + 2) * BEAT_MS)
    expect(one?.members.hasEnded("h1")).toBe(true)
    expect(one?.members.hasEnded("nobody")).toBe(false)
    other?.machine.wake()
    await runtime.pass(2 * BEAT_MS)
    expect(one?.members.hasEnded("h1")).toBe(false)
  })

  it("do not take all others for dead after they were stopped themselves", async () => {
    const { runtime, all } = await createMembers(2)
    all[0]?.machine.sleep()
    await runtime.pass(30 * BEAT_MS)
    all[0]?.machine.wake()
    await runtime.pass(2 * BEAT_MS)
    expect(all[0]?.gone).toEqual([])
    expect(all[0]?.members.lives("h1")).toBe(true)
    // They were dead for the other one meanwhile, and are known to it again.
    expect(all[1]?.gone).toEqual(["h0"])
    expect(all[1]?.members.lives("h0")).toBe(true)
  })

  it("cannot tell of an unknown hub while nobody can be heard, wait a moment after that, and are sure then", async () => {
    const { runtime, all } = await createMembers(2)
    const members = all[0]?.members
    expect(members?.judge("nobody")).toBe(false)
    members?.connected(false)
    expect(members?.judge("nobody")).toBe(undefined)
    members?.connected(true)
    const verdicts: unknown[] = []
    for (const hub of ["nobody", "late"])
      void Promise.resolve(members?.judge(hub)).then((lives) => verdicts.push([hub, lives]))
    await runtime.pass(100)
    members?.seen("late")
    await runtime.pass(10)
    expect(verdicts).toEqual([["late", true]])
    await runtime.pass(SETTLE_MS)
    expect(verdicts).toEqual([
      ["late", true],
      ["nobody", false],
    ])
  })

  it("cannot tell after a wait that a lost connection ended", async () => {
    const { runtime, all } = await createMembers(1)
    const members = all[0]?.members
    members?.connected(true)
    const verdict = members?.judge("nobody")
    members?.connected(false)
    await runtime.pass(1)
    expect(await verdict).toBe(undefined)
  })

  it("stop all timers when they leave", async () => {
    const { runtime, all } = await createMembers(1)
    all[0]?.members.close()
    await runtime.pass(10)
    expect(runtime.pending()).toBe(0)
  })
})
