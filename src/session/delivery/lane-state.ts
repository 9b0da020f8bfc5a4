import type { LaneState } from "./delivery.ts"
import type { Lane } from "./lane.ts"

/** Everything of a lane that may still be delivered. What is volatile goes at once or not at all, so it is left out. */
export function laneState({ packets, numbered }: Lane): LaneState {
  const unnumbered = [...packets.values()].filter(({ delivery }) => !delivery?.volatile)
  return { unnumbered: unnumbered.map(({ packet, delivery }) => ({ packet, delivery })), numbered: [...numbered] }
}
