import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Bundles an entry of the sources as one script for browsers, whose exports are in the global `everwire`. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${root}src/${entry}.ts`],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "everwire",
    platform: "browser",
    target: "es2022",
    conditions: ["everwire-source"],
    logLevel: "error",
  })
  return outputFiles[0]?.text ?? ""
}
