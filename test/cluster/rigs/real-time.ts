import { setTimeout as wait } from "node:timers/promises"

/** For so long it looks at every millisecond, and then at every tenth, because what takes so long mostly waits for a timer. */
const AT_FIRST_MS = 100

/** Lets real time pass until `holds`, for at most `limitMs` milliseconds. Returns whether it did. */
export async function passUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
  const start = performance.now()
  for (let passed = 0; !holds(); passed = performance.now() - start) {
    if (passed >= limitMs) return false
    await wait(passed < AT_FIRST_MS ? 1 : 10)
  }
  return true
}
