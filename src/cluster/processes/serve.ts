import cluster from "node:cluster"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isMainThread } from "node:worker_threads"
import { checkNames } from "../../messaging/option-names.ts"
import { hubRuntime } from "../../runtimes/hub-runtime.ts"
import { EverwireError } from "../../wire/errors.ts"
import { packEntries, unpackEntries } from "../packed-entries.ts"
import { type StoreCall, ValueStore } from "../value-store.ts"
import { FRAME, type Frame, FrameReader, frameOf } from "./frames.ts"
import { Outflow } from "./outflow.ts"
import { type Who, type Will, Wills } from "./wills.ts"

/** The environment variable by which workers find the primary's socket. It is inherited when they are started. */
export const PATH_VARIABLE = "EVERWIRE_PROCESSES"

/** What may wait for a process that reads slowly or is stopped, in bytes. */
export const MAX_WAITING_BYTES = 16 * 2 ** 20

/** Options of `serveProcesses`. */
export interface ServeProcessesOptions {
  /**
   * How much may wait in the primary for one process that does not read, in bytes. Beyond it the process is disconnected:
   * it connects again by itself when it reads, and is told that messages were lost. Default 16 MiB.
   */
  readonly maxWaitingBytes?: number
}

/** The bus and the store of one machine's processes. */
export interface ServedProcesses {
  /** Ends them. Processes that are connected are told that they have lost their connection. */
  close(): Promise<void>
}

/**
 * Serves the bus and the store for `processes()`. Call it once in the primary process of `node:cluster`, or in the main
 * thread, before it starts workers: they inherit the address in `process.env.EVERWIRE_PROCESSES`. It listens on a socket
 * of the file system that only this user can open (a named pipe with an unguessable name on Windows), and does not keep
 * the process alive.
 *
 * @throws EverwireError `misuse` in a worker
 * @example
 * serveProcesses()
 * for (let n = 0; n < 4; n++) cluster.fork()
 */
export function serveProcesses(options: ServeProcessesOptions = {}): ServedProcesses {
  checkNames(options, { maxWaitingBytes: "number" }, "serveProcesses")
  if (cluster.isWorker || !isMainThread) {
    throw new EverwireError("misuse", "serveProcesses() is for the primary process; call processes() in workers")
  }
  const { maxWaitingBytes = MAX_WAITING_BYTES } = options
  const { path, remove } = address()
  const broker = new Broker(maxWaitingBytes)
  const server = createServer((socket) => broker.admit(socket))
  server.on("error", (error) => hubRuntime.report(error))
  server.listen(path)
  server.unref()
  process.env[PATH_VARIABLE] = path
  process.once("exit", remove)
  return {
    close: () =>
      new Promise((resolve) => {
        if (process.env[PATH_VARIABLE] === path) delete process.env[PATH_VARIABLE]
        process.off("exit", remove)
        broker.close()
        server.close(() => {
          remove()
          resolve()
        })
      }),
  }
}

function address(): { readonly path: string; readonly remove: () => void } {
  if (process.platform === "win32") return { path: `\\\\.\\pipe\\everwire-${randomUUID()}`, remove: () => {} }
  const folder = mkdtempSync(join(tmpdir(), "everwire-")) // for this user alone: mode 0700
  return { path: join(folder, "bus"), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** One connected process. */
interface Member {
  readonly socket: Socket
  readonly out: Outflow
  readonly topics: Set<string>
  who: Who | undefined
  /** What the process has left for its end, by id. */
  readonly wills: Map<number, Will>
}

class Broker {
  readonly #maxWaitingBytes: number
  readonly #store = new ValueStore(() => hubRuntime.now())
  readonly #members = new Set<Member>()
  readonly #listeners = new Map<string, Set<Member>>()
  readonly #wills = new Wills((topic, frame) => this.#carry(topic, frame))

  constructor(maxWaitingBytes: number) {
    this.#maxWaitingBytes = maxWaitingBytes
  }

  admit(socket: Socket): void {
    const out = new Outflow(socket, this.#maxWaitingBytes)
    const member: Member = { socket, out, topics: new Set(), who: undefined, wills: new Map() }
    const reader = new FrameReader()
    this.#members.add(member)
    socket.unref()
    socket.on("data", (chunk) => {
      try {
        for (const frame of reader.read(chunk)) this.#hear(member, frame)
      } catch {
        // Not one of our processes: nothing that it sends may end the primary.
        socket.destroy()
      }
    })
    // A process that was killed, or that this one has disconnected. Its end is all there is to know.
    socket.on("error", () => {})
    socket.on("close", () => {
      this.#members.delete(member)
      for (const topic of member.topics) this.#unlisten(member, topic)
      if (member.who !== undefined) this.#wills.ended(member.who, [...member.wills.values()])
    })
  }

  #hear(member: Member, { kind, id, text, body, raw }: Frame): void {
    if (kind === FRAME.message) this.#carry(text, raw)
    else if (kind === FRAME.listen) this.#listen(member, text)
    else if (kind === FRAME.unlisten) this.#unlisten(member, text)
    else if (kind === FRAME.sync) this.#write(member, raw)
    else if (kind === FRAME.call) this.#answer(member, id, text, body)
    else if (kind === FRAME.begin) this.#begin(member, text)
    // A copy, because it would otherwise keep the whole chunk that the socket has brought.
    else if (kind === FRAME.will) member.wills.set(id, [text, frameOf(FRAME.message, 0, text, body)])
    else if (kind === FRAME.unwill) member.wills.delete(id)
  }

  #begin(member: Member, text: string): void {
    const who = JSON.parse(text) as Who // of our own client
    if (this.#wills.began(who)) member.who = who
  }

  close(): void {
    this.#wills.close()
    for (const { socket } of this.#members) socket.destroy()
  }

  #carry(topic: string, raw: Uint8Array): void {
    for (const member of this.#listeners.get(topic) ?? []) this.#write(member, raw)
  }

  #listen(member: Member, topic: string): void {
    member.topics.add(topic)
    const listeners = this.#listeners.get(topic)
    if (listeners === undefined) this.#listeners.set(topic, new Set([member]))
    else listeners.add(member)
  }

  #unlisten(member: Member, topic: string): void {
    member.topics.delete(topic)
    const listeners = this.#listeners.get(topic)
    listeners?.delete(member)
    if (listeners?.size === 0) this.#listeners.delete(topic)
  }

  #answer(member: Member, id: number, text: string, body: Uint8Array): void {
    // Copies, because what is kept would otherwise keep the whole chunk that the socket has brought.
    const given = unpackEntries(body).map((entry) => Uint8Array.from(entry))
    const { entries, ...answer } = this.#store.answer(JSON.parse(text) as StoreCall, given) // of our own client
    this.#write(member, frameOf(FRAME.answer, id, JSON.stringify(answer), entries && packEntries(entries)))
  }

  #write({ socket, out }: Member, frame: Uint8Array): void {
    if (socket.destroyed) return
    out.write(frame)
    if (out.isFull) socket.destroy()
  }
}
