import { closeSync, openSync, readSync } from "node:fs"

/** What the processes have written of one channel. */
export interface Account {
  /** What hubs heard of it, in order. */
  readonly heard: number[]
  /** The process that heard it, for each of `heard`. */
  readonly heardAt: string[]
  /** The id of the message, for each of `heard`. */
  readonly heardAs: string[]
  /** What hubs said to it, in order. */
  readonly said: string[]
  /** The processes that had its session, with `new` or `moved`. */
  readonly begun: (readonly [process: string, how: string])[]
  /** How peers ended: the process, the code and the number of undelivered messages. */
  readonly closed: (readonly [process: string, code: string, undelivered: number])[]
}

/** Reads the file that all processes of a cluster write to. */
export class Journal {
  readonly path: string
  readonly #file: number
  readonly #accounts = new Map<string, Account>()
  /** How many messages to all each process sent. */
  readonly broadcasts = new Map<string, number>()
  #at = 0
  /** A line of which the end was not there yet. */
  #rest = ""

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, "a+")
  }

  /** What was written of this channel until now. */
  of(channel: string): Account {
    this.#read()
    return this.#account(channel)
  }

  close(): void {
    closeSync(this.#file)
  }

  #account(channel: string): Account {
    let account = this.#accounts.get(channel)
    if (account === undefined) {
      account = { heard: [], heardAt: [], heardAs: [], said: [], begun: [], closed: [] }
      this.#accounts.set(channel, account)
    }
    return account
  }

  #read(): void {
    const bytes = Buffer.alloc(65_536)
    for (;;) {
      const length = readSync(this.#file, bytes, 0, bytes.length, this.#at)
      if (length === 0) return
      this.#at += length
      const lines = `${this.#rest}${bytes.toString("latin1", 0, length)}`.split("\n")
      this.#rest = lines.pop() ?? ""
      for (const line of lines) this.#take(line)
    }
  }

  #take(line: string): void {
    const [what, who = "", first = "", second = "", third = ""] = line.split(" ")
    if (what === "all") return void this.broadcasts.set(who, Number(first) + 1)
    const account = this.#account(who)
    if (what === "heard") {
      account.heard.push(Number(first))
      account.heardAt.push(second)
      account.heardAs.push(third)
    } else if (what === "said") account.said.push(first)
    else if (what === "begun") account.begun.push([first, second])
    else account.closed.push([first, second, Number(third)])
  }
}
