// Shows where a server spends its CPU time. EVERWIRE_PROFILE=<folder> npm run bench -- --peers everwire --only echo
// writes CPU profiles; node bench/profile.mjs <folder> lists each profile's functions by self time, with source lines.
import { readdirSync, readFileSync } from "node:fs"
import { SourceMap } from "node:module"
import { join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const SHOWN = 25
const root = fileURLToPath(new URL("..", import.meta.url))
const maps = new Map()

const folder = process.argv[2]
for (const file of readdirSync(folder).filter((file) => file.endsWith(".cpuprofile"))) {
  console.log(`\n${file}`)
  for (const [place, share] of ownTimes(JSON.parse(readFileSync(join(folder, file), "utf8")))) {
    console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${place}`)
  }
}

/** Each function's share of the busy time, without the functions that it calls; largest first. */
function ownTimes({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const times = new Map()
  let busy = 0
  samples.forEach((id, n) => {
    const { callFrame } = byId.get(id)
    if (callFrame.functionName === "(idle)") return
    const place = placeOf(callFrame)
    busy += timeDeltas[n]
    times.set(place, (times.get(place) ?? 0) + timeDeltas[n])
  })
  const sorted = [...times].sort(([, a], [, b]) => b - a)
  return sorted.slice(0, SHOWN).map(([place, micros]) => [place, micros / busy])
}

function placeOf({ functionName, url, lineNumber, columnNumber }) {
  const name = functionName === "" ? "(anonymous)" : functionName
  if (!url.startsWith("file:")) return `${name} ${url}`
  const entry = mapOf(url)?.findEntry(lineNumber, columnNumber)
  if (entry?.originalSource === undefined) return `${name} ${relative(root, fileURLToPath(url))}:${lineNumber + 1}`
  const source = fileURLToPath(new URL(entry.originalSource, url))
  return `${name} ${relative(root, source)}:${entry.originalLine + 1}`
}

function mapOf(url) {
  if (maps.has(url)) return maps.get(url)
  let map
  if (url.startsWith(pathToFileURL(join(root, "dist")).href)) {
    map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")))
  }
  maps.set(url, map)
  return map
}
