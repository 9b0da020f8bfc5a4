// @ts-check
// Compiles test/types against the package that would be published, as applications do: with TypeScript from 5.0 to the
// newest, each mode of module resolution, declarations checked, with and without Node's types. `--own` uses one mode
// and the TypeScript of this repository, and so needs no network.

import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const VERSIONS = ["5.0", "5.4", "5.7", "6.0", "latest"]

/** Modes of module resolution, and the type of the application's package. The mode "node10" ends with TypeScript 6. */
const RESOLUTIONS = [
  { moduleResolution: "node10", module: "commonjs", type: "commonjs", until: 6 },
  { moduleResolution: "node16", module: "node16", type: "commonjs" },
  { moduleResolution: "node16", module: "node16", type: "module" },
  { moduleResolution: "nodenext", module: "nodenext", type: "module" },
  { moduleResolution: "bundler", module: "esnext", type: "module" },
]

/** The programs and the types that each has: a page has no Node types, and a server need not have those of the DOM. */
const PROGRAMS = [
  { files: ["client.ts"], lib: ["es2022", "dom"], types: [] },
  { files: ["node.ts", "contract.ts"], lib: ["es2022", "dom"], types: ["node"] },
]
/** Compiled only with the mode that is usual today. */
const OTHERS = [
  { files: ["client.ts"], lib: ["es2022", "dom"], types: [], exactOptionalPropertyTypes: false },
  { files: ["server.ts"], lib: ["es2022"], types: ["node"] },
]

/** `server.ts`: a server's program, compiled without the DOM's types. */
const SERVER = `import { createHub } from "everwire/node"
import { createChannel } from "everwire"
export const hub = createHub({ authenticate: () => ({ id: "1", name: "ann" }) })
hub.onPeer((peer) => peer.principal.name)
hub.handle("x", async (_, __, request) => (await fetch("x", { signal: request.signal })).status)
createChannel("https://host").send("x", 5)
`

const root = fileURLToPath(new URL("..", import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), "everwire-types-"))
let failed = 0
try {
  const isOwn = process.argv.includes("--own")
  const compilers = isOwn ? [join(root, "node_modules/typescript")] : install()
  for (const type of ["module", "commonjs"]) application(type)
  for (const compiler of compilers) {
    const { version } = JSON.parse(readFileSync(join(compiler, "package.json"), "utf8"))
    for (const resolution of isOwn ? RESOLUTIONS.slice(-1) : RESOLUTIONS) {
      if (Number.parseInt(version, 10) > (resolution.until ?? Number.POSITIVE_INFINITY)) continue
      const isUsual = resolution.moduleResolution === "bundler"
      for (const program of isUsual ? [...PROGRAMS, ...OTHERS] : PROGRAMS)
        compile(compiler, version, resolution, program)
    }
    console.log(
      `TypeScript ${version}: ${failed === 0 ? "every program compiles, and only where it should" : "see above"}`,
    )
  }
} finally {
  rmSync(scratch, { recursive: true })
}
if (failed > 0) process.exitCode = 1

/** Installs the compilers in a separate folder. */
function install() {
  const folder = join(scratch, "compilers")
  mkdirSync(folder)
  writeFileSync(join(folder, "package.json"), "{}")
  const wanted = VERSIONS.map((version) => `typescript-${version}@npm:typescript@${version}`)
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...wanted], { cwd: folder })
  return VERSIONS.map((version) => join(folder, "node_modules", `typescript-${version}`))
}

/**
 * Makes an application with this `type` in its package.json, and with everwire installed as from the registry.
 *
 * @param {string} type
 */
function application(type) {
  const folder = join(scratch, type)
  const modules = join(folder, "node_modules")
  mkdirSync(join(modules, "everwire"), { recursive: true })
  mkdirSync(join(modules, "@types"))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type }))
  cpSync(join(root, "test/types"), folder, { recursive: true })
  writeFileSync(join(folder, "server.ts"), SERVER)
  for (const part of ["dist", "package.json"])
    cpSync(join(root, part), join(modules, "everwire", part), { recursive: true })
  for (const name of ["eventemitter3", "@types/node", "undici-types"]) {
    symlinkSync(join(root, "node_modules", name), join(modules, name))
  }
}

/**
 * @param {string} compiler
 * @param {string} version
 * @param {typeof RESOLUTIONS[number]} resolution
 * @param {typeof PROGRAMS[number]} program
 */
function compile(compiler, version, { type, until: _, ...resolution }, { files, ...options }) {
  const folder = join(scratch, type)
  const compilerOptions = {
    ...resolution,
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    ...options,
    ...(version.startsWith("6.") && { ignoreDeprecations: "6.0" }),
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }))
  const { status, stdout } = spawnSync(process.execPath, [join(compiler, "bin/tsc"), "-p", folder], {
    encoding: "utf8",
  })
  if (status === 0) return
  failed++
  console.error(
    `TypeScript ${version}, ${resolution.moduleResolution} in a package of type ${type}, ${files.join(" and ")}:\n${stdout}`,
  )
}
