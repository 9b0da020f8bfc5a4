import type { VirtualRuntime } from "everwire/testing"

/** Lets promises and web streams continue: they take turns of the event loop but no virtual time. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Advances virtual time in steps, between which promises continue. */
export async function passVirtually(runtime: VirtualRuntime, ms: number, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    runtime.drain()
    await turns(3)
    runtime.advance(ms / steps)
    await turns(3)
  }
}
