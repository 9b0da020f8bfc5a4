import { NUDGE_MS } from "../../src/client/connect/climber.ts"
import { deliveryOf } from "../../src/messaging/send-options.ts"
import type { Pair } from "./pair.ts"
import type { MannersStep, SessionStep } from "./session-history.ts"

/** Does one step of a history. */
export function take(pair: Pair, what: SessionStep | MannersStep): void {
  const { runtime, network, dialing } = pair
  const wire = "index" in what ? network.wires[what.index % network.wires.length] : undefined
  switch (what.do) {
    case "say":
      for (let i = 0; i < what.many; i++) {
        const manner = "manners" in what ? what.manners[i % what.manners.length] : undefined
        pair[what.end].say(what.size, what.binary, manner && deliveryOf("x", manner, pair[what.end].machine.now()))
      }
      return
    case "pass":
      return runtime.advance(what.ms)
    case "dial":
      return dialing.dial(what.takes)
    case "take":
      return dialing.take(what.index)
    case "let-go":
      return dialing.letGo(what.index)
    case "cut":
      return wire?.cut()
    case "freeze":
      return wire?.freeze()
    case "thaw":
      return wire?.thaw()
    case "half-open":
      return wire?.halfOpen(what.dead)
    case "silence":
      return wire?.silence(what.direction)
    case "sleep":
      return pair[what.end].sleep()
    case "wake":
      return pair[what.end].wake()
    case "probe":
      return pair[what.end].session.probe(NUDGE_MS)
    case "jump":
      return runtime.jump(what.ms)
    case "throttle":
      return network.limit({ upBytesPerSecond: what.bytesPerSecond, downBytesPerSecond: what.bytesPerSecond })
  }
}
