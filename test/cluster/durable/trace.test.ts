import { it } from "vitest"
import { createStorm } from "./storm.ts"
it("traces", async () => {
  const seed = Number(process.env["SEED"])
  const names = new Map<string, string>()
  let storm: Awaited<ReturnType<typeof createStorm>> | undefined
  const out: string[] = []
  const nameOf = (id: string) => { if (!names.has(id)) names.set(id, `#${names.size}`); return names.get(id) ?? "" }
  ;(globalThis as any).TRACE = (...args: unknown[]) => {
    out.push([storm?.world.runtime.now() ?? "-", ...args.map((a) => JSON.stringify(a) ?? "undefined")].join(" ").replace(/[0-9a-f-]{20,}|[\w-]{22}/g, (id) => nameOf(id)))
  }
  storm = await createStorm(seed)
  for (let at = 0; at < 25; at++) { await storm.step(); out.push("--- " + storm.log.at(-1)) }
  await storm.settle()
  for (const p of storm.world.processes) out.push(`${nameOf(p.hub.id)} halted ${p.machine.halted} peers ${p.machine.halted ? "" : p.hub.peers.size} failures ${p.failures.length} ${p.failures.slice(0,3).join()}`)
  out.push(...storm.findings())
  console.log(out.join("\n"))
})
