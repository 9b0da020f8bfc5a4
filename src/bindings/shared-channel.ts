import type { Channel } from "../client/channel.ts"
import type { Status, StatusDetail } from "../client/options.ts"
import type { AnyContract, Contract } from "../messaging/contract.ts"
import { EverwireError } from "../wire/errors.ts"

/** The status of a shared channel with its details: the same object until something changes. */
export interface ChannelState extends StatusDetail {
  readonly status: Status
}

/** The state before a channel has been opened, and so on a server: the first render there and in the page are the same. */
export const NOT_OPENED: ChannelState = { status: "connecting" }

/** Options of `shareChannel`. */
export interface ShareOptions {
  /**
   * How long the channel stays open after its last user has gone, in milliseconds. Default 5 000. The next page of a
   * router, a hot reload and React's StrictMode begin within that time, so they go on with the same channel. `Infinity`
   * keeps it open.
   */
  readonly closeAfterMs?: number | undefined
}

/**
 * One channel for many components. It opens when the first of them is mounted and closes some time after the last one is
 * gone. `shareChannel` makes one; to make it opens nothing.
 */
export interface SharedChannel<C extends Contract<C> = AnyContract> {
  /** The channel while somebody uses it, and `closeAfterMs` longer. Else undefined, and always on a server. */
  readonly channel: Channel<C> | undefined
  /** The state of the channel: the same object until it changes. `connecting` while there is none. */
  readonly state: ChannelState
  /**
   * Holds the channel open until the returned function is called. Calls `run` at once with the channel, and again with
   * each further one that `restart` makes. What `run` returns is called when its channel is no longer used.
   */
  use(run: (channel: Channel<C>) => (() => void) | undefined): () => void
  /**
   * Closes the channel. If it has users, they get a new one at once: for a person who signs in as somebody else, and for
   * a "try again" button of a channel that is closed for good.
   */
  restart(): void
}

/** One component's use of a channel. */
interface User<C extends Contract<C>> {
  readonly run: (channel: Channel<C>) => (() => void) | undefined
  /** What `run` returned for the channel of now. */
  stop: (() => void) | undefined
}

/**
 * Makes a channel that components share. Neither this call nor server rendering calls `create`, so a relative URL is no
 * error there.
 *
 * @param create Makes the channel. Called when the first component is mounted, and after each close or restart.
 * @throws EverwireError `misuse`
 * @example export const live = shareChannel(() => createChannel<Chat>("/everwire"))
 */
export function shareChannel<C extends Contract<C> = AnyContract>(
  create: () => Channel<C>,
  options: ShareOptions = {},
): SharedChannel<C> {
  if (typeof create !== "function") {
    throw new EverwireError("misuse", "shareChannel wants a function that makes the channel: () => createChannel(url)")
  }
  const { closeAfterMs = 5_000 } = options
  if (!(closeAfterMs >= 0)) throw new EverwireError("misuse", "closeAfterMs is 0 or more")
  const users = new Set<User<C>>()
  let channel: Channel<C> | undefined
  let state = NOT_OPENED
  let timer: ReturnType<typeof setTimeout> | undefined

  const begin = (user: User<C>): void => {
    if (channel === undefined) {
      const made = create()
      channel = made
      made.onStatus((status, detail) => {
        // A channel that was replaced tells of its close.
        if (channel === made) state = { status, ...detail }
      })
    }
    user.stop = user.run(channel)
  }
  const close = (): void => {
    clearTimeout(timer)
    const closing = channel
    channel = undefined
    state = NOT_OPENED
    void closing?.close()
  }
  return {
    get channel() {
      return channel
    },
    get state() {
      return state
    },
    use(run) {
      clearTimeout(timer)
      // Nobody was there to restart it.
      if (users.size === 0 && channel?.status === "closed") close()
      const user: User<C> = { run, stop: undefined }
      users.add(user)
      try {
        begin(user)
      } catch (error) {
        users.delete(user)
        throw error
      }
      return () => {
        if (!users.delete(user)) return
        user.stop?.()
        if (users.size === 0 && closeAfterMs < Number.POSITIVE_INFINITY) timer = setTimeout(close, closeAfterMs)
      }
    },
    restart() {
      const all = [...users]
      for (const user of all) user.stop?.()
      close()
      for (const user of all) if (users.has(user)) begin(user)
    },
  }
}
