import { sizeOf } from "../../kernel/codec.ts"
import { POLL_AGAIN_BYTES, POLL_CEILING_MS, POLL_FLOOR_MS } from "../../kernel/defaults.ts"
import { type Down, Uplink } from "../http/uplink.ts"
import type { Dialer } from "../transport.ts"

/**
 * Short-poll: one exchange at a time, answered at once, repeated at an interval that follows the traffic. Slow and
 * chatty, and the only one that a host without long requests allows. A send does not wait for the interval.
 */
export const shortPoll: Dialer = {
  name: "short-poll",
  supported: (platform) => (platform.fetch ?? globalThis.fetch) !== undefined,
  dial(target, sink) {
    return new Uplink("short-poll", target, sink, (uplink): Down => {
      let intervalMs = POLL_FLOOR_MS
      let cancel: (() => void) | undefined
      return {
        polls: "always",
        // The first answer brings the welcome alone.
        opened: () => uplink.uploadSoon(),
        answered(brought) {
          intervalMs = brought ? POLL_FLOOR_MS : Math.min(POLL_CEILING_MS, intervalMs * 1.5)
          cancel?.()
          const pauseMs = brought && sizeOf(brought) >= POLL_AGAIN_BYTES ? 0 : intervalMs
          cancel = target.runtime.after(pauseMs, () => uplink.uploadSoon())
        },
        stop: () => cancel?.(),
      }
    })
  },
}
