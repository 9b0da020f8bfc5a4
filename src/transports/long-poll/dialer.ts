import { HEARTBEAT_FLOOR_MS } from "../../wire/defaults.ts"
import { shareConnections } from "../http/client/connections.ts"
import type { Down } from "../http/client/down.ts"
import { leave } from "../http/client/leave.ts"
import { Uplink } from "../http/client/uplink.ts"
import type { Dialer } from "../transport.ts"

/**
 * Long-poll: the hub leaves one request unanswered until it has a batch to send. Uploads are separate requests. This
 * takes two connections and one round trip of latency, and works through every proxy that passes POST.
 */
export const longPoll: Dialer = {
  name: "long-poll",
  holds: shareConnections,
  supported: (platform) => !!(platform.fetch ?? globalThis.fetch),
  leave,
  dial(target, sink) {
    return new Uplink("long-poll", target, sink, (): Down => {
      let holdMs = target.holdMs
      return {
        polls: "beside uploads",
        get holdMs() {
          return holdMs
        },
        // A proxy cut the silent poll after `heldMs`. Later polls ask for 80 % of that, so that they end before the
        // proxy cuts.
        cut(heldMs) {
          if (heldMs < HEARTBEAT_FLOOR_MS || heldMs >= holdMs) return
          holdMs = Math.max(HEARTBEAT_FLOOR_MS, Math.floor(heldMs * 0.8))
          target.learnHold(holdMs)
        },
      }
    })
  },
}
