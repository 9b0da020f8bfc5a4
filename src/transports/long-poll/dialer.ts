import { HEARTBEAT_FLOOR_MS } from "../../wire/defaults.ts"
import { shareConnections } from "../http/client/connections.ts"
import { leave } from "../http/client/leave.ts"
import { type Down, Uplink } from "../http/client/uplink.ts"
import type { Dialer } from "../transport.ts"

/**
 * Long-poll: one exchange is always held by the hub until there is something to bring down; uploads go beside it. Two
 * connections, one round trip of latency, works through everything that passes POST.
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
        // A proxy that cuts a silent answer after T is stayed under from now on.
        cut(heldMs) {
          if (heldMs < HEARTBEAT_FLOOR_MS || heldMs >= holdMs) return
          holdMs = Math.max(HEARTBEAT_FLOOR_MS, Math.floor(heldMs * 0.8))
          target.learnHold(holdMs)
        },
      }
    })
  },
}
