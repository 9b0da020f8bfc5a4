import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** An entry of the sources as one script for browsers, which leaves its exports in the global `everwire`. */
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
