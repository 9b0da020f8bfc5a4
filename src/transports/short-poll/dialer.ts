import { POLL_CEILING_MS } from "../../wire/defaults.ts"
import type { Down } from "../http/client/down.ts"
import { leave } from "../http/client/leave.ts"
import { Uplink } from "../http/client/uplink.ts"
import type { Dialer } from "../transport.ts"

/** The interval between short-polls adapts between these two. */
const POLL_FLOOR_MS = 250

/**
 * Short-poll: the hub answers each request at once, and the channel repeats it at an interval that grows while nothing
 * comes. It is slow and costs many requests, but it is the only transport for a server that allows no long requests.
 * Sending does not wait for the interval.
 */
export const shortPoll: Dialer = {
  name: "short-poll",
  supported: (platform) => !!(platform.fetch ?? globalThis.fetch),
  leave,
  dial(target, sink) {
    return new Uplink("short-poll", target, sink, (uplink): Down => {
      let intervalMs = POLL_FLOOR_MS
      let cancel: (() => void) | undefined
      return {
        polls: "with uploads",
        answered(brought) {
          intervalMs = brought ? POLL_FLOOR_MS : Math.min(POLL_CEILING_MS, intervalMs * 1.5)
          cancel?.()
          cancel = target.runtime.after(intervalMs, () => uplink.uploadSoon())
        },
        stop: () => cancel?.(),
      }
    })
  },
}
