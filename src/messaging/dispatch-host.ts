import type { Packet } from "../wire/batch.ts"
import type { EverwireError } from "../wire/errors.ts"
import type { Handlers } from "./handlers.ts"
import type { PayloadHost } from "./message.ts"

/** Where in the application's code an error was thrown. */
export type Stage = "message" | "request" | "listener"

/** What a dispatch needs of the channel or the peer that it works for. */
export interface DispatchHost<Context> extends PayloadHost {
  say(packet: Packet): void
  /** A packet that was said is not to be handed to a link any more. */
  retract(packet: Packet): void
  readonly handlers: readonly Handlers<Context>[]
  /** For how long the packet that is being delivered has waited since it arrived, in milliseconds. Without it: not at all. */
  readonly waitedMs?: number
  /** The argument that handlers get after the data. */
  context(): Context
  /** Resolves when there is room for more; rejects when the session has ended. */
  writable(): Promise<void>
  /** A handler of the application threw this error, or its promise rejected. */
  failed(error: unknown, stage: Stage): void
  /** Why this message or request is refused before a handler gets it; undefined if it is not. */
  readonly refusal?:
    | ((kind: "message" | "request", name: string, data: unknown) => EverwireError | undefined)
    | undefined
  /** A message of this name arrived, and no handler takes it. */
  missed?(name: string): void
  /** What the other side sent was not accepted: it does not fit the contract. Without it, `failed` is told. */
  refused?(error: EverwireError): void
  /** Returns what is called in place of `handle`, which calls the handler of a request of this name. */
  answering?(name: string, handle: () => unknown): () => unknown
}
