import { it } from "vitest"
import { createStorm } from "./storm.ts"
const names = new Map<string, string>()
const nameOf = (id: string) => { if (!names.has(id)) names.set(id, `#${names.size}`); return names.get(id) ?? "" }
const out: string[] = []
let world: any
;(globalThis as any).TRACE = (...args: unknown[]) => {
  out.push([world?.runtime.now() ?? "-", ...args.map((a) => JSON.stringify(a) ?? "undefined")].join(" ").replace(/[0-9a-f-]{20,}|[\w-]{22}/g, (id) => nameOf(id)))
}
it("traces", async () => {
    const storm = await createStorm(Number(process.env["SEED"]))
    world = storm.world
    for (let at = 0; at < 25; at++) await storm.step()
    await storm.settle()
  for (const p of storm.world.processes) out.push(`${nameOf(p.hub.id)} halted ${p.machine.halted} peers ${p.machine.halted ? "" : p.hub.peers.size} failures ${p.failures.length} ${p.failures.slice(0,3).join()}`)
  out.push(...storm.findings()); for (const t of storm.talks) out.push(JSON.stringify(t.channel.explain?.()).slice(0,300))
  console.log(out.join("\n"), storm.log.join("\n"))
})
