import { afterAll, beforeAll, expect, it } from "vitest"
import { counter, eventually, isHeardAgain, rises, watch } from "./faults.ts"
import { type Crew, endAt, hire, served } from "./rigs/processes.ts"

const MiB = 2 ** 20

let crew: Crew
beforeAll(async () => {
  crew = await hire(4, 0)
})
afterAll(() => crew.fire())

function agent(at: number): Crew["agents"][number] {
  const found = crew.agents[at]
  if (found === undefined) throw new Error(`no agent ${at}`)
  return found
}

it("a process that is stopped is disconnected when too much waits for it, and told when it goes on", async () => {
  const primary = served({ maxWaitingBytes: 4 * MiB })
  const one = endAt(primary.path)
  const [stopped, other] = [await agent(0).open(primary.path), await agent(1).open(primary.path)]
  const [there, elsewhere] = [await watch(stopped), await watch(other)]
  // Both listeners are known to the agents before the stop.
  await Promise.all([stopped.read("k"), other.read("k")])
  const next = counter(one)
  await isHeardAgain(next, there)
  process.kill(crew.pids[0] ?? 0, "SIGSTOP")
  try {
    for (let n = 0; n < 40; n++) {
      const number = next(MiB)
      await eventually("heard by the other", () => elsewhere.heard.at(-1) === number)
    }
  } finally {
    process.kill(crew.pids[0] ?? 0, "SIGCONT")
  }
  await eventually("told", () => there.told.length >= 2)
  await isHeardAgain(next, there)
  expect([there.told, elsewhere.told]).toEqual([[false, true], []])
  for (const watched of [there, elsewhere]) rises(watched)
  for (const end of [one, stopped, other]) await end.close()
  await primary.close()
})

it("a process that is killed does not disturb the others", async () => {
  const primary = served()
  const one = endAt(primary.path)
  const [killed, other] = [await agent(2).open(primary.path), await agent(1).open(primary.path)]
  const elsewhere = await watch(other)
  await watch(killed)
  expect(await killed.lease("l", "killed", 700)).toBe(true)
  const next = counter(one)
  for (let n = 0; n < 100; n++) next()
  process.kill(crew.pids[2] ?? 0, "SIGKILL")
  for (let n = 0; n < 100; n++) next()
  await eventually("200 messages", () => elsewhere.heard.length >= 200)
  rises(elsewhere)
  expect(elsewhere.told).toEqual([])
  // Within the time of the test the lease of the killed one ends.
  while (!(await other.lease("l", "other", 60_000)));
  for (const end of [one, other]) await end.close()
  await primary.close()
})

it("what a process has left for its end is published when it is killed, and not when it loses its connection", async () => {
  const primary = served({ maxWaitingBytes: 4 * MiB })
  const one = endAt(primary.path)
  const [lost, killed] = [await agent(0).open(primary.path), await agent(3).open(primary.path)]
  const there = await watch(lost)
  const heard: string[] = []
  await one.subscribe("wills", (data) => heard.push(new TextDecoder().decode(data)))
  for (const [end, name] of [
    [lost, "lost"],
    [killed, "killed"],
  ] as const) {
    end.will?.("wills", new TextEncoder().encode(name))
    end.publish("wills", new TextEncoder().encode(`${name} lives`))
  }
  await eventually("both live", () => heard.length === 2)
  // Stopped, and then disconnected because too much waits for it.
  process.kill(crew.pids[0] ?? 0, "SIGSTOP")
  const next = counter(one)
  for (let n = 0; n < 40; n++) next(MiB)
  const killedAt = performance.now()
  process.kill(crew.pids[3] ?? 0, "SIGKILL")
  await eventually("the one that is gone", () => heard.length === 3)
  expect(performance.now() - killedAt).toBeLessThan(1_500)
  process.kill(crew.pids[0] ?? 0, "SIGCONT")
  await eventually("told", () => there.told.at(-1) === true)
  await isHeardAgain(next, there)
  expect(heard.toSorted()).toEqual(["killed", "killed lives", "lost lives"])
  for (const end of [one, lost]) await end.close()
  await primary.close()
})

it("a primary that serves again is another bus: ends of the old one are told, and reject", async () => {
  const primary = served()
  const end = endAt(primary.path)
  const watched = await watch(end)
  await primary.close()
  await eventually("told", () => watched.told.length > 0)
  await expect(end.read("k")).rejects.toMatchObject({ code: "backplane-unavailable" })
  end.publish("n", new Uint8Array(4))
  await end.close()
})

it("processes() without a primary is misuse, and says what to call", () => {
  expect(() => endAt("")).toThrow(/call serveProcesses\(\) there, before it starts workers/)
})
