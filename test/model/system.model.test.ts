import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { histories, LIMITS, tracedAsync } from "./run.ts"
import { systemSeeds } from "./seeds.ts"
import { type SystemHistory, type SystemStep, systemHistory } from "./system-history.ts"
import { World } from "./world.ts"

/** Once nothing is in the way any more, the channel is open and everything has been heard within this, in virtual time. */
const SETTLED_MS = 60_000
/** And where no link is left that only looks alive, an open channel gets everything through within this. */
const PROMPT_MS = 3_000
/** How closely that is looked at. */
const LOOK_MS = 200

function take(world: World, what: SystemStep): void {
  const { runtime, network, near, channel } = world
  const wire = "index" in what ? network.wires[what.index % network.wires.length] : undefined
  switch (what.do) {
    case "send-up":
      return world.sendUp(what.many, what.size)
    case "send-down":
      return world.sendDown(what.many, what.size)
    case "ask-up":
      return world.askUp()
    case "ask-down":
      return world.askDown()
    case "pass":
      return runtime.advance(what.ms)
    case "jump":
      return runtime.jump(what.ms)
    case "cut-wire":
      return wire?.cut()
    case "freeze-wire":
      return wire?.freeze()
    case "thaw-wire":
      return wire?.thaw()
    case "half-open":
      return wire?.halfOpen(what.dead)
    case "silence":
      return wire?.silence(what.direction)
    case "block":
      return network.block(what.name)
    case "black-hole":
      return network.blackHole(what.name)
    case "hold-back":
      return network.holdBack(what.name)
    case "mute":
      return network.holdBack(what.name, 0)
    case "cut-idle":
      return network.cutIdle(what.name, 5_000)
    case "unblock":
      return network.unblock(what.name)
    case "cut-all":
      return network.cut(what.name)
    case "cut-everything":
      return network.cut()
    case "stall":
      network.freeze()
      runtime.advance(what.ms)
      return network.thaw()
    case "heal":
      return network.heal()
    case "nap":
      near.sleep()
      runtime.advance(what.ms)
      return near.wake()
    case "retry":
      return channel.retry()
    case "close-hub":
      return world.closeHub()
    case "crash-hub":
      return world.crashHub()
    case "start-hub":
      return world.startHub()
    case "replace-hub":
      world.crashHub()
      return world.startHub()
    case "restart-hub":
      world.closeHub()
      return world.startHub()
  }
}

async function live(history: SystemHistory): Promise<void> {
  const world = new World(history)
  await tracedAsync(world.network, () => walk(world, history))
}

async function walk(world: World, { steps, tidy }: SystemHistory): Promise<void> {
  const { runtime, network, near, far, channel } = world
  for (const what of steps) {
    take(world, what)
    world.check()
  }
  network.heal()
  world.startHub()
  if (tidy) for (const wire of network.wires) if (wire.broken) wire.cut()
  const stuckMs = await settle(world)
  world.check()
  if (tidy) expect(stuckMs, "time that an open channel took").toBeLessThanOrEqual(PROMPT_MS)
  // Closing either end leaves nothing behind that would ring later.
  void channel.close({ flushMs: 0 })
  expect(near.pending(), "timers of a closed channel").toBe(0)
  world.closeHub()
  world.checkTold()
  for (const machine of far) expect(machine.pending(), "timers of a closed hub").toBe(0)
  runtime.advance(1_000)
  expect(network.wires.length, "wires of a closed channel and a closed hub").toBe(0)
  expect(runtime.pending(), "timers of the network").toBe(0)
}

/**
 * Lets time pass until everybody has been told everything. Answers for how long the channel was open meanwhile, without a
 * break, and something still had to be told.
 */
async function settle(world: World): Promise<number> {
  const { runtime, channel } = world
  let stuckMs = 0
  let openAt = runtime.now()
  const off = channel.onStatus(() => {
    openAt = runtime.now()
  })
  for (let passedMs = 0; passedMs < SETTLED_MS && !world.settled; passedMs += LOOK_MS) {
    runtime.advance(LOOK_MS)
    // Answers are promises, so the tick must end now and then.
    await Promise.resolve()
    if (channel.status === "open") stuckMs = Math.max(stuckMs, runtime.now() - openAt)
  }
  off()
  if (!world.settled) throw new Error(`not settled after ${SETTLED_MS} ms: ${world.missing()}`)
  return stuckMs
}

describe("a channel and its hub over a network that fails", () => {
  test(
    `lose nothing without a word, double nothing, and are well again within ${SETTLED_MS} ms`,
    () => fc.assert(fc.asyncProperty(systemHistory, live), { numRuns: histories(2_500), ...LIMITS }),
    LIMITS.timeoutMs,
  )

  test.each(systemSeeds)("live through the history that once found: $found", async ({ seed, path, history }) => {
    await live(history)
    if (seed !== undefined && path !== undefined)
      await fc.assert(fc.asyncProperty(systemHistory, live), { seed, path, numRuns: 1 })
  })
})
