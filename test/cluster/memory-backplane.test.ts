import { type Backplane, createVirtualRuntime, type MemoryBackplaneOptions, memoryBackplane } from "everwire/testing"
import { expect, it } from "vitest"

function world(options: Omit<MemoryBackplaneOptions, "runtime"> = {}) {
  const runtime = createVirtualRuntime()
  const bus = memoryBackplane({ runtime, ...options })
  /** Lets time pass until the promise is settled. */
  const settled = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isOver = false
    promise.then(
      () => (isOver = true),
      () => (isOver = true),
    )
    await runtime.passUntil(() => isOver, 60_000)
    return promise
  }
  const hears = async (end: Backplane, topic = "t"): Promise<number[]> => {
    const heard: number[] = []
    await settled(end.subscribe(topic, (data) => heard.push(data[0] ?? -1)))
    return heard
  }
  return { runtime, bus, settled, hears }
}

it("carries what one end publishes to all that are subscribed, in order and in virtual time", async () => {
  const { runtime, bus, hears } = world({ delayMs: 20, jitterMs: 30 })
  const [one, other] = [bus.end(), bus.end(runtime.machine())]
  const [here, there] = [await hears(one), await hears(other)]
  for (let n = 0; n < 100; n++) one.publish("t", Uint8Array.of(n))
  await runtime.pass(19)
  expect(there).toEqual([])
  await runtime.pass(40)
  const all = Array.from({ length: 100 }, (_, n) => n)
  expect([here, there]).toEqual([all, all])
})

it("loses what is on its way to an end that is cut, and tells the end", async () => {
  const { runtime, bus, settled, hears } = world()
  const [one, other] = [bus.end(), bus.end()]
  const heard = await hears(other)
  const told: boolean[] = []
  other.onConnected((isConnected) => told.push(isConnected))
  one.publish("t", Uint8Array.of(1))
  other.cut()
  await runtime.pass(10)
  await expect(settled(other.read("k"))).rejects.toMatchObject({ code: "backplane-unavailable", retryable: true })
  one.publish("t", Uint8Array.of(2))
  other.mend()
  one.publish("t", Uint8Array.of(3))
  await runtime.pass(10)
  expect([heard, told]).toEqual([[3], [false, true]])
})

it("parts two ends without telling them, and both reach the store", async () => {
  const { runtime, bus, settled, hears } = world()
  const [one, other, third] = [bus.end(), bus.end(), bus.end()]
  const [here, there, elsewhere] = [await hears(one), await hears(other), await hears(third)]
  one.onConnected(() => expect.fail("told"))
  bus.part(one, other)
  one.publish("t", Uint8Array.of(1))
  await settled(other.compareAndSet("k", undefined, "v", 1000))
  expect(await settled(one.read("k"))).toBe("v")
  bus.join()
  one.publish("t", Uint8Array.of(2))
  await runtime.pass(10)
  expect([here, there, elsewhere]).toEqual([[1, 2], [2], [1, 2]])
})

it("starts its store again with what it had, or empty", async () => {
  const { runtime, bus, settled } = world()
  const end = bus.end()
  const told: boolean[] = []
  end.onConnected((isConnected) => told.push(isConnected))
  await settled(end.compareAndSet("k", undefined, "v", 100_000))
  bus.stop()
  await runtime.pass(1)
  await expect(settled(end.read("k"))).rejects.toMatchObject({ code: "backplane-unavailable" })
  bus.start()
  expect(await settled(end.read("k"))).toBe("v")
  bus.stop()
  bus.start({ empty: true })
  expect(await settled(end.read("k"))).toBeUndefined()
  expect(told).toEqual([false, true, false, true])
})

it("gives up a slow store at the deadline, and the change is made nevertheless", async () => {
  const { runtime, bus, settled } = world({ deadlineMs: 500 })
  const end = bus.end()
  bus.slowStore(3000)
  await expect(settled(end.compareAndSet("k", undefined, "v", 100_000))).rejects.toMatchObject({
    code: "backplane-unavailable",
  })
  bus.slowStore(1)
  expect(await settled(end.read("k"))).toBeUndefined()
  await runtime.pass(3000)
  expect(await settled(end.read("k"))).toBe("v")
})

it("tells a machine that has slept what happened in the order in which it happened", async () => {
  const { runtime, bus } = world()
  const sleeper = runtime.machine()
  const told: boolean[] = []
  bus.end(sleeper).onConnected((isConnected) => told.push(isConnected))
  sleeper.sleep()
  bus.stop()
  await runtime.pass(1000)
  bus.start()
  sleeper.wake()
  await runtime.pass(1)
  expect(told).toEqual([false, true])
})

it("reaches machines whose clocks are wrong at the right time", async () => {
  const { runtime, bus, hears } = world()
  const [early, late] = [bus.end(runtime.machine(3_600_000)), bus.end(runtime.machine(-3_600_000))]
  const [there, elsewhere] = [await hears(early), await hears(late)]
  bus.end().publish("t", Uint8Array.of(1))
  await runtime.pass(10)
  expect([there, elsewhere]).toEqual([[1], [1]])
})

it("keeps what comes for a machine that sleeps until it wakes, and calls a halted one no more", async () => {
  const { runtime, bus, hears } = world()
  const [sleeper, dead] = [runtime.machine(), runtime.machine()]
  const [one, other, third] = [bus.end(), bus.end(sleeper), bus.end(dead)]
  const [there, elsewhere] = [await hears(other), await hears(third)]
  sleeper.sleep()
  dead.halt()
  one.publish("t", Uint8Array.of(1))
  await runtime.pass(1000)
  expect(there).toEqual([])
  sleeper.wake()
  await runtime.pass(1)
  expect([there, elsewhere]).toEqual([[1], []])
})
