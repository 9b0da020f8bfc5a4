import type { VirtualRuntime } from "everwire/testing"

/** Lets promises and web streams go on, which take turns of the event loop and no time. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Lets so much virtual time pass, in steps between which whatever is promised may happen. */
export async function passVirtually(runtime: VirtualRuntime, ms: number, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    runtime.drain()
    await turns(3)
    runtime.advance(ms / steps)
    await turns(3)
  }
}
