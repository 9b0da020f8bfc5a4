import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const script = fileURLToPath(new URL("../../scripts/idle-cost.mjs", import.meta.url))

/** The two figures in one line of the table. */
function figures(table: string, line: string): [heap: number, rss: number] {
  const [, heap, rss] = new RegExp(`^${line} +([\\d.]+)(?: KiB)? +([\\d.]+)`, "m").exec(table) ?? []
  return [Number(heap), Number(rss)]
}

it("one of 2,000 idle WebSocket peers costs less than three times a bare `ws` socket; the table is printed", async () => {
  // Measures the built package. `npm test` builds it first; for this test alone, run `npm run build`.
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  console.log(stdout)
  const bare = figures(stdout, "bare ws")
  const everwire = figures(stdout, "everwire")
  for (const figure of [...bare, ...everwire]) expect(figure).toBeGreaterThan(0.5)
  const [heap, rss] = figures(stdout, "ratio")
  expect(heap).toBeCloseTo(everwire[0] / bare[0], 0)
  expect(rss).toBeCloseTo(everwire[1] / bare[1], 0)
  expect(heap).toBeLessThan(3)
  expect(rss).toBeLessThan(3)
})
