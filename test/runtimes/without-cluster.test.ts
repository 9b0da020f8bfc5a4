import { fileURLToPath } from "node:url"
import { build, type Metafile } from "esbuild"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** All that is loaded with an entry: files of the sources, and the packages that they name. */
async function loadedWith(entry: string): Promise<{ readonly files: readonly string[]; readonly packages: string[] }> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}.ts`],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    packages: "external",
    conditions: ["everwire-source"],
    logLevel: "error",
  })
  const inputs: Metafile["inputs"] = metafile.inputs
  const packages = Object.values(inputs)
    .flatMap(({ imports }) => imports.filter(({ external }) => external === true).map(({ path }) => path))
    .filter((path) => !path.startsWith("node:"))
  return { files: Object.keys(inputs), packages: [...new Set(packages)].sort() }
}

describe("without a cluster, no code of one is loaded", () => {
  it.each(["node", "server", "index", "core"])("with the entry %s", async (entry) => {
    const { files, packages } = await loadedWith(entry)
    expect(files).toContain(`src/${entry}.ts`)
    expect(files.filter((file) => file.startsWith("src/cluster"))).toEqual([])
    expect(
      packages.filter((name) => name.startsWith("@msgpack") || name.includes("nats") || name.includes("redis")),
    ).toEqual([])
  })

  it("and with the entry cluster it is, so that this would be noticed", async () => {
    const { files, packages } = await loadedWith("cluster")
    expect(files).toContain("src/cluster/courier.ts")
    expect(packages).toContain("@msgpack/msgpack")
  })
})
