import { randomUUID } from "node:crypto"
import { connect, type Socket } from "node:net"
import { checkNames } from "../../messaging/option-names.ts"
import { hubRuntime } from "../../runtimes/hub-runtime.ts"
import type { Cluster } from "../../server/cluster.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Backplane } from "../backplane.ts"
import type { Driver, DriverHost } from "../driven-backplane.ts"
import { JoinedBackplane } from "../joined-backplane.ts"
import { unavailable } from "../limits.ts"
import { packEntries, unpackEntries } from "../packed-entries.ts"
import type { StoreAnswer, StoreCall } from "../value-store.ts"
import { FRAME, type Frame, FrameReader, frameOf } from "./frames.ts"
import { Outflow } from "./outflow.ts"
import { MAX_WAITING_BYTES, PATH_VARIABLE } from "./serve.ts"
import type { Who } from "./wills.ts"

/** Options of `processes`. */
export interface ProcessesOptions {
  /** After how long a call of the store is given up, in milliseconds. Default 2,000. */
  readonly deadlineMs?: number
  /**
   * How much may wait in this process while the primary does not read, in bytes. What is published beyond it is dropped.
   * Default 16 MiB.
   */
  readonly maxWaitingBytes?: number
}

/** How long a process waits before it connects again, in milliseconds: twice as long each time. */
const FIRST_WAIT_MS = 20
const LAST_WAIT_MS = 1000

/**
 * The backplane of the processes and threads of one machine. It needs nothing but `serveProcesses()` in the primary process
 * or main thread, which has the bus and the store in its memory: when the primary ends, the cluster ends.
 *
 * @throws EverwireError `misuse` if `serveProcesses()` was not called before this process was started
 */
export function processes(options: ProcessesOptions = {}): Backplane & Cluster {
  checkNames(options, { deadlineMs: "number", maxWaitingBytes: "number" }, "processes")
  const { deadlineMs = 2000, maxWaitingBytes = MAX_WAITING_BYTES } = options
  const path = process.env[PATH_VARIABLE]
  if (!path) {
    throw new EverwireError(
      "misuse",
      "processes(): no primary process serves this one; call serveProcesses() there, before it starts workers",
    )
  }
  return new JoinedBackplane(hubRuntime, deadlineMs, (host) => new SocketDriver(host, path, maxWaitingBytes))
}

interface Waiting {
  resolve(frame: Frame): void
  reject(error: Error): void
}

class SocketDriver implements Driver {
  readonly #host: DriverHost
  readonly #path: string
  readonly #maxWaitingBytes: number
  readonly #topics = new Set<string>()
  /** What is to be published when this process has ended, by id. */
  readonly #wills = new Map<number, Uint8Array>()
  readonly #begin = frameOf(FRAME.begin, 0, JSON.stringify({ id: randomUUID(), pid: process.pid } satisfies Who))
  /** Resolves those who wait for a topic that the primary has not confirmed yet. */
  readonly #unconfirmed = new Set<() => void>()
  /** Questions to the primary on this connection, by their id. */
  readonly #asked = new Map<number, Waiting>()
  #ids = 0
  #socket: Socket
  #out: Outflow
  /** The wait before the next attempt, and what cancels it. */
  #waitMs = FIRST_WAIT_MS
  #cancelWait = (): void => {}
  /** Whether something was dropped because the primary does not read. */
  #hasDropped = false
  #isClosed = false

  constructor(host: DriverHost, path: string, maxWaitingBytes: number) {
    this.#host = host
    this.#path = path
    this.#maxWaitingBytes = maxWaitingBytes
    this.#socket = this.#connect()
    this.#out = new Outflow(this.#socket, maxWaitingBytes)
    this.#out.write(this.#begin)
  }

  publish(topic: string, data: Uint8Array): void {
    if (this.#socket.destroyed) return
    if (this.#out.isFull) {
      this.#hasDropped = true
      return this.#host.connected(false)
    }
    this.#out.write(frameOf(FRAME.message, 0, topic, data))
  }

  listen(topic: string): Promise<void> {
    this.#topics.add(topic)
    return new Promise((resolve) => {
      const confirm = (): void => {
        this.#unconfirmed.delete(confirm)
        resolve()
      }
      this.#unconfirmed.add(confirm)
      if (this.#socket.destroyed) return
      this.#out.write(frameOf(FRAME.listen, 0, topic))
      // If the connection is lost before the answer, the next one confirms all topics.
      this.#question(FRAME.sync, "").then(confirm, () => {})
    })
  }

  unlisten(topic: string): void {
    this.#topics.delete(topic)
    this.#write(frameOf(FRAME.unlisten, 0, topic))
  }

  async ask(call: StoreCall, entries: readonly Uint8Array[]): Promise<StoreAnswer> {
    if (this.#socket.destroyed) throw unavailable("the primary process cannot be reached")
    if (this.#out.isFull) throw unavailable("the primary process does not read")
    const { text, body } = await this.#question(FRAME.call, JSON.stringify(call), packEntries(entries))
    return { ...(JSON.parse(text) as StoreAnswer), entries: unpackEntries(body) } // of our own broker
  }

  will(topic: string, data: Uint8Array): () => void {
    const id = this.#nextId()
    const frame = frameOf(FRAME.will, id, topic, data)
    this.#wills.set(id, frame)
    this.#write(frame)
    return () => {
      if (this.#wills.delete(id)) this.#write(frameOf(FRAME.unwill, id, ""))
    }
  }

  #write(frame: Uint8Array): void {
    if (!this.#socket.destroyed) this.#out.write(frame)
  }

  #nextId(): number {
    this.#ids = (this.#ids + 1) >>> 0
    return this.#ids
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelWait()
    // What was published last goes out before the end.
    await new Promise<void>((resolve) => {
      if (this.#socket.destroyed || this.#out.isFull) return resolve()
      const cancel = this.#host.runtime.after(LAST_WAIT_MS, resolve) // the primary may be stopped
      this.#socket.once("close", () => {
        cancel()
        resolve()
      })
      this.#socket.end()
    })
    this.#socket.destroy()
  }

  #question(kind: number, text: string, body?: Uint8Array): Promise<Frame> {
    const id = this.#nextId()
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#out.write(frameOf(kind, id, text, body))
    })
  }

  #connect(): Socket {
    const socket = connect(this.#path)
    const reader = new FrameReader()
    socket.on("data", (chunk) => {
      for (const frame of reader.read(chunk)) {
        if (frame.kind === FRAME.message) this.#host.hear(frame.text, frame.body)
        else {
          this.#asked.get(frame.id)?.resolve(frame)
          this.#asked.delete(frame.id)
        }
      }
    })
    socket.on("drain", () => {
      if (!this.#hasDropped) return
      // The primary reads again.
      this.#hasDropped = false
      this.#host.connected(true)
    })
    // The end that follows is what counts.
    socket.on("error", () => {})
    socket.on("close", () => this.#lost())
    return socket
  }

  #lost(): void {
    this.#hasDropped = false
    for (const { reject } of this.#asked.values()) reject(unavailable("the connection to the primary was lost"))
    this.#asked.clear()
    if (this.#isClosed) return
    this.#host.connected(false)
    this.#cancelWait = this.#host.runtime.after(this.#waitMs, () => this.#reconnect())
    this.#waitMs = Math.min(LAST_WAIT_MS, this.#waitMs * 2)
  }

  #reconnect(): void {
    this.#socket = this.#connect()
    this.#out = new Outflow(this.#socket, this.#maxWaitingBytes)
    this.#out.write(this.#begin)
    for (const will of this.#wills.values()) this.#out.write(will)
    for (const topic of this.#topics) this.#out.write(frameOf(FRAME.listen, 0, topic))
    this.#question(FRAME.sync, "").then(
      () => {
        this.#waitMs = FIRST_WAIT_MS
        this.#host.connected(true)
        for (const confirm of this.#unconfirmed) confirm()
      },
      () => {}, // lost again: the next connection does the same
    )
  }
}
