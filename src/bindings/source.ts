import type { Channel } from "../client/channel.ts"
import { EverwireError } from "../wire/errors.ts"
import { type ChannelState, NOT_OPENED, type SharedChannel } from "./shared-channel.ts"

/**
 * A value that changes while somebody subscribes: what each framework's binding turns into a value of its own. It has one
 * subscriber at a time, who may come back.
 */
export interface Source<Value> {
  /** The value on a server and in the first render of a page. */
  readonly initial: Value
  /** The value now: the same reference until it changes. */
  get(): Value
  /** Uses the shared channel, and calls back when the value has changed, until the returned function is called. */
  subscribe(changed: () => void): () => void
}

/** A channel without the types of its contract: the bindings' own signatures give them. */
export type AnyChannel = Channel
export type AnyShared = SharedChannel

/** @throws EverwireError `misuse` */
export function sourceOf<Value>(
  given: unknown,
  initial: Value,
  start: (channel: AnyChannel, set: (value: Value) => void, get: () => Value) => (() => void) | undefined,
): Source<Value> {
  const shared = given as AnyShared // the bindings' signatures take nothing else; JavaScript is checked here
  if (typeof shared?.use !== "function") {
    throw new EverwireError(
      "misuse",
      "the first argument is what shareChannel returns, made once outside of components",
    )
  }
  let value = initial
  const get = (): Value => value
  return {
    initial,
    get,
    subscribe: (changed) =>
      shared.use((channel) =>
        start(
          channel,
          (next) => {
            value = next
            changed()
          },
          get,
        ),
      ),
  }
}

export function channelSource(shared: unknown): Source<AnyChannel | undefined> {
  return sourceOf<AnyChannel | undefined>(shared, undefined, (channel, set) => {
    set(channel)
    return undefined
  })
}

export function statusSource(shared: unknown): Source<ChannelState> {
  return sourceOf(shared, NOT_OPENED, (channel, set) => {
    const tell = (): void => set((shared as AnyShared).state) // checked by `sourceOf`
    tell()
    return channel.onStatus(tell)
  })
}

export function latestSource(shared: unknown, name: string): Source<unknown> {
  return sourceOf<unknown>(shared, undefined, (channel, set) => channel.on(name, set))
}

/** Options of `useMessages`. */
export interface ListOptions {
  /** How many of the newest messages are kept, 1 or more. Default 100. */
  readonly limit?: number | undefined
}

export function messagesSource(
  shared: unknown,
  name: string,
  { limit = 100 }: ListOptions = {},
): Source<readonly unknown[]> {
  checkLimit(limit)
  return sourceOf<readonly unknown[]>(shared, [], (channel, set, get) =>
    channel.on(name, (data) => set([...get(), data].slice(-limit))),
  )
}

export function checkLimit(limit: number): void {
  if (!(limit >= 1)) throw new EverwireError("misuse", "limit is 1 or more")
}
