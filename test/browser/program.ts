import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** How long a program or a page may take to show something, in milliseconds. */
export const WAIT_MS = 15_000

/** A program of examples/chat, and what it has printed. */
export class Program {
  readonly #child
  readonly #lines: string[] = []
  #errors = ""
  /** Called for every line and at the end of the program. */
  #onNews = new Set<() => void>()

  constructor(script: string, ...args: string[]) {
    const root = fileURLToPath(new URL("../..", import.meta.url))
    const child = spawn(process.execPath, [script, ...args], { cwd: root, env: { ...process.env, PORT: "0" } })
    this.#child = child
    child.stderr.on("data", (chunk) => {
      this.#errors += String(chunk)
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#lines.push(line)
      this.#tell()
    })
    child.once("exit", () => this.#tell())
  }

  /** Resolves with a matching line that it has printed or will print. */
  line(wanted: RegExp | string): Promise<RegExpExecArray | [string]> {
    const find = (): RegExpExecArray | [string] | undefined => {
      for (const line of this.#lines) {
        const match =
          typeof wanted === "string" ? (line.endsWith(wanted) ? ([line] as [string]) : null) : wanted.exec(line)
        if (match !== null) return match
      }
      return undefined
    }
    return new Promise((resolve, reject) => {
      const look = (why?: string): void => {
        const found = find()
        if (found !== undefined) resolve(found)
        else if (this.#child.exitCode !== null) reject(new Error(`the program has ended: ${this.#errors}`))
        else if (why !== undefined) reject(new Error(`${why}; printed: ${this.#lines.join(" / ")}`))
        else return
        clearTimeout(timer)
        this.#onNews.delete(look)
      }
      const timer = setTimeout(() => look(`"${wanted}" was not printed in ${WAIT_MS} ms`), WAIT_MS)
      this.#onNews.add(look)
      look()
    })
  }

  /** Types a line into the program. Returns the line. */
  say(line: string): string {
    this.#child.stdin.write(`${line}\n`)
    return line
  }

  /** Resolves with its exit code and with what it has written to its error output. */
  ended(): Promise<{ readonly code: number | null; readonly errors: string }> {
    return new Promise((resolve) => this.#child.once("close", (code) => resolve({ code, errors: this.#errors })))
  }

  stop(): void {
    this.#child.kill()
  }

  #tell(): void {
    for (const run of [...this.#onNews]) run()
  }
}
