import { setTimeout as wait } from "node:timers/promises"

/** Lets real time pass until `holds`, for at most `limitMs` milliseconds. Returns whether it did. */
export async function passUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs
  while (!holds()) {
    if (performance.now() >= end) return false
    await wait(1)
  }
  return true
}
