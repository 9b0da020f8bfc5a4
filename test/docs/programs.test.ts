import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "esbuild"
import ts from "typescript"
import { afterAll, describe, expect, it } from "vitest"
import { type Block, readDocuments, root } from "./markdown.ts"

/** A program of the documents, and the output that the next block says it prints. */
interface Program extends Block {
  readonly output: string | undefined
}

const programs: Program[] = readDocuments().flatMap(({ blocks }) =>
  blocks.flatMap((block, index) => {
    // Parts of files are not programs: test/docs/files.test.ts compares them with the files.
    if (!/^(ts|js)$/.test(block.language) || block.marks.some((mark) => mark.startsWith("file="))) return []
    const next = blocks[index + 1]
    return [{ ...block, output: next?.marks.includes("output") ? next.text : undefined }]
  }),
)

const folder = mkdtempSync(join(tmpdir(), "everwire-docs-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe("the programs of the documents", () => {
  it("compile with the strictest settings that an application may have", { timeout: 60_000 }, () => {
    expect(programs.length).toBeGreaterThan(5)
    expect(compile(programs)).toEqual([])
  })

  const runnable = programs.filter(({ marks }) => marks.includes("run"))
  it.concurrent.each(runnable)("print the output that the page says: $at", { timeout: 60_000 }, async (program) => {
    const { code, printed } = await run(await bundle(program)).ended
    expect({ code, printed }).toEqual({ code: 0, printed: program.output ?? printed })
  })

  it.concurrent("connect the client of the README with its server", { timeout: 60_000 }, async () => {
    const server = programs.find(({ marks }) => marks.includes("server"))
    const client = programs.find(({ marks }) => marks.includes("client"))
    if (server === undefined || client === undefined) throw new Error("the README has a server and a client")
    const port = await freePort()
    const serving = run(await bundle(server, port))
    try {
      await listening(port)
      const { code, printed } = await run(await bundle(client, port)).ended
      expect({ code, printed }).toEqual({ code: 0, printed: client.output })
    } finally {
      serving.kill()
      await serving.ended
    }
  })
})

/** Returns the compiler's errors for these programs, each as a module beside the repository's tsconfig.json. */
function compile(all: readonly Program[]): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const files = new Map(all.map((program, index) => [`${root}program-${index}.m${program.language}`, program]))
  const host = ts.createCompilerHost({ ...options, checkJs: true })
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name)?.text ?? readFile(name)
  host.getSourceFile = (name, version, ...rest) => {
    const program = files.get(name)
    return program === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, program.text, version)
  }
  const compiled = ts.createProgram([...files.keys()], { ...options, checkJs: true }, host)
  // Only the programs' own errors: `npm run typecheck` compiles the sources.
  const found = [...files.keys()].flatMap((name) => {
    const file = compiled.getSourceFile(name)
    return [...compiled.getSyntacticDiagnostics(file), ...compiled.getSemanticDiagnostics(file)]
  })
  return [...compiled.getOptionsDiagnostics(), ...found].map(({ file, start = 0, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    return `${files.get(file?.fileName ?? "")?.at ?? file?.fileName}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
  })
}

/** Bundles a program with the sources that it imports into one file. Its port may be replaced. */
async function bundle({ at, language, text }: Program, port = 8080): Promise<string> {
  const outfile = join(folder, `${at.replace(/\W/g, "-")}.mjs`)
  await build({
    stdin: { contents: text.replaceAll("8080", String(port)), resolveDir: root, loader: language as "ts" | "js" },
    bundle: true,
    outfile,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["everwire-source"],
    // `ws` is CommonJS and loads Node's modules by `require`.
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
    logLevel: "error",
  })
  return outfile
}

/** Runs a program in a separate process. */
function run(file: string): { ended: Promise<{ code: number | null; printed: string }>; kill(): void } {
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"] })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text
    })
  }
  const ended = new Promise<{ code: number | null; printed: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, printed: printed.trimEnd() }))
  })
  return { ended, kill: () => child.kill() }
}

/** Resolves as soon as a server listens on the port. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "localhost")
    const taken = await new Promise<boolean>((resolve) => {
      socket.on("connect", () => resolve(true))
      socket.on("error", () => resolve(false))
    })
    socket.destroy()
    if (taken) return
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}
