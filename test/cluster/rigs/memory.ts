import {
  type Backplane,
  type BackplaneSubject,
  createVirtualRuntime,
  type MemoryEnd,
  memoryBackplane,
} from "everwire/testing"

/** The backplane in memory, in virtual time. `change` puts a fault into each end. */
export function memorySubject(name: string, change: (end: MemoryEnd) => Backplane = (end) => end): BackplaneSubject {
  return {
    name,
    cuts: true,
    setup: async () => {
      const runtime = createVirtualRuntime()
      const bus = memoryBackplane({ runtime, jitterMs: 3, storeMs: 3 })
      const ends = new Map<Backplane, MemoryEnd>()
      return {
        open: async () => {
          const end = bus.end(runtime.machine())
          const changed = change(end)
          ends.set(changed, end)
          return changed
        },
        cut: async (end) => ends.get(end)?.cut(),
        mend: async (end) => ends.get(end)?.mend(),
        kill: async (end) => ends.get(end)?.kill(),
        passUntil: runtime.passUntil.bind(runtime),
        close: async () => {
          for (const end of ends.values()) await end.close()
        },
      }
    },
  }
}
