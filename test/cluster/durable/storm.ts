import type { Channel } from "everwire"
import type { Peer } from "everwire/server"
import { createWorld, type Process, type World } from "../support.ts"

/** One channel's talk. */
interface Talk {
  readonly channel: Channel
  readonly up: [number: number, id: string][]
  readonly down: number[]
  said: number
  readonly resets: unknown[]
}

/** A durable cluster in which random things go wrong, while channels talk. */
export interface Storm {
  readonly world: World
  step(): Promise<void>
  /** Ends all faults, and waits until all has arrived. */
  settle(): Promise<void>
  /** What is wrong. */
  findings(): string[]
}

export async function createStorm(seed: number, { channels = 2, count = 3 } = {}): Promise<Storm> {
  const world = await createWorld(count, { durable: true }, { seed })
  const { runtime, bus, processes } = world
  const chance = (n: number): number => Math.floor(runtime.random() * n)
  const live = (): Process[] => processes.filter(({ machine }) => !machine.halted && !closing.has(machine))
  const closing = new Set<unknown>()
  const asleep = new Set<Process>()
  let isStopped = false
  const talks: Talk[] = []
  const listen = ({ hub }: Process): void => {
    hub.on("up", (data, peer: Peer) => {
      const { from, number } = data as { from: number; number: number } // the storm sends nothing else
      talks[from]?.up.push([number, peer.messageId])
      peer.send("down", number)
    })
  }
  for (const process of processes) listen(process)
  world.choose(() => {
    const up = live().filter((process) => !asleep.has(process))
    return up[chance(up.length)]
  })
  for (let from = 0; from < channels; from++) {
    const channel = world.dial()
    const talk: Talk = { channel, up: [], down: [], said: 0, resets: [] }
    talks.push(talk)
    channel.on("down", (data) => talk.down.push(data as number)) // as above
    channel.onReset((reset) => talk.resets.push(reset))
  }
  await runtime.pass(200)

  const say = (): void => {
    for (const [from, talk] of talks.entries()) talk.channel.send("up", { from, number: talk.said++ })
  }
  const pass = async (ms: number, times: number): Promise<void> => {
    for (let at = 0; at < times; at++) {
      say()
      await runtime.pass(ms)
    }
  }
  const awake = (): Process[] => live().filter((process) => !asleep.has(process))

  const faults: Record<string, () => Promise<void> | void> = {
    kill() {
      const [first] = awake()
      const all = awake()
      const victim = all[chance(all.length)] ?? first
      if (victim === undefined || all.length < 2) return
      victim.kill()
      listen(world.start())
    },
    sleep() {
      const all = awake()
      const victim = all[chance(all.length)]
      if (victim === undefined || all.length < 2) return
      asleep.add(victim)
      victim.machine.sleep()
    },
    wake() {
      for (const process of asleep) process.machine.wake()
      asleep.clear()
    },
    cut() {
      const all = awake()
      all[chance(all.length)]?.backplane.cut()
    },
    mend() {
      for (const { backplane, machine } of processes) if (!machine.halted) backplane.mend()
    },
    async drain() {
      const all = awake()
      const victim = all[chance(all.length)]
      if (victim === undefined || all.length < 2) return
      listen(world.start())
      closing.add(victim.machine)
      void victim.hub.close({ drainMs: chance(2) * 2_000 })
    },
    slow() {
      bus.slowStore(1 + chance(300))
    },
    verySlow() {
      bus.slowStore(1_500 + chance(1_000))
    },
    fast() {
      bus.slowStore(1)
    },
    delay() {
      bus.delay(1 + chance(50), chance(50))
    },
    stop() {
      isStopped = true
      bus.stop()
    },
    start() {
      if (isStopped) bus.start()
      isStopped = false
    },
    links() {
      world.cut()
    },
    part() {
      const [one, other] = awake()
      if (one && other) bus.part(one.backplane, other.backplane)
    },
    join() {
      bus.join()
    },
  }
  const names = Object.keys(faults)

  return {
    world,
    async step() {
      const name = names[chance(names.length)] ?? ""
      await faults[name]?.()
      const ms = [1, 5, 30, 200][chance(4)] ?? 1
      await pass(ms, 1 + chance(30))
    },
    async settle() {
      for (const name of ["wake", "mend", "start", "fast", "join"]) await faults[name]?.()
      bus.delay(1)
      for (let at = 0; at < 300; at++) {
        await runtime.pass(200)
        if (talks.every(({ down, said }) => down.length >= said)) break
      }
      await runtime.pass(1_000)
    },
    findings() {
      const findings: string[] = []
      for (const [at, { up, down, said, resets, channel }] of talks.entries()) {
        const tell = (what: string): void => void findings.push(`channel ${at} (${channel.status}): ${what}`)
        if (resets.length > 0) tell(`was reset: ${JSON.stringify(resets[0]).slice(0, 300)}`)
        const wrong = down.findIndex((number, place) => number !== place)
        if (wrong >= 0) tell(`down: ${down[wrong]} at place ${wrong}, behind ${down[wrong - 1]}`)
        if (down.length !== said) tell(`down: ${down.length} of ${said}`)
        const ids = new Map<number, string>()
        let last = -1
        for (const [number, id] of up) {
          if (ids.has(number) && ids.get(number) !== id) tell(`up: ${number} came with two ids`)
          if (!ids.has(number) && number !== last + 1) tell(`up: ${number} behind ${last}`)
          last = Math.max(last, number)
          ids.set(number, id)
        }
        if (ids.size !== said) tell(`up: ${ids.size} of ${said}`)
        if (new Set(ids.values()).size !== ids.size) tell("up: two have the same id")
      }
      return findings
    },
  }
}
