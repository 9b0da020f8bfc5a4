// In a separate file, because it looks at every timer of the process.

import { createHub } from "everwire/node"
import { afterEach, expect, it, vi } from "vitest"
import { hello } from "../../hostile/attack.ts"

afterEach(() => vi.restoreAllMocks())

it("a hub keeps the process running only while it waits for its peers", async () => {
  const set = vi.spyOn(globalThis, "setTimeout")
  const repeat = vi.spyOn(globalThis, "setInterval")
  const clear = vi.spyOn(globalThis, "clearInterval")
  const holding = ({ mock }: typeof set | typeof repeat): boolean[] =>
    mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())
  const hub = createHub()
  for (const name of ["long-poll", "sse", "short-poll"]) {
    const body = `@{"up":1,"poll":1}\n${hello()}`
    await hub.fetch(new Request(`http://a.example/everwire/${name}`, { method: "POST", body }))
  }
  expect(hub.peers.size).toBe(3)
  hub.send("n", 1)
  const closed = hub.close({ drainMs: 10 })
  expect(holding(repeat)).toEqual([true])
  await closed
  expect(clear).toHaveBeenCalledWith(repeat.mock.results[0]?.value)
  expect(set.mock.calls.length).toBeGreaterThan(3)
  expect(holding(set)).not.toContain(true)
})
