import type { Bench, Pair } from "./bench.ts"
import type { End } from "./end.ts"
import type { LawDefinition } from "./law.ts"
import type { Claim, Seat } from "./subject.ts"

type Prove = (bench: Bench, from: End, to: End, pair: Pair) => Promise<void>

/** Makes one law for each direction of an open link. The id ends in `-up` (channel to hub) or `-down`. */
export function bothWays(id: string, title: string, prove: Prove, needs: readonly Claim[] = []): LawDefinition[] {
  return (["up", "down"] as const).map((way) => ({
    id: `${id}-${way}`,
    title: `${title}, ${way === "up" ? "from channel to hub" : "from hub to channel"}`,
    needs,
    async prove(bench) {
      const pair = await bench.connect()
      const { channel, hub } = pair
      return way === "up" ? prove(bench, channel, hub, pair) : prove(bench, hub, channel, pair)
    },
  }))
}

/** Makes one law for each end of an open link. The id ends in `-channel` or `-hub`. */
export function eachSeat(
  id: string,
  title: (seat: Seat) => string,
  prove: (bench: Bench, end: End, other: End) => Promise<void>,
  needs: readonly Claim[] = [],
): LawDefinition[] {
  return (["channel", "hub"] as const).map((seat) => ({
    id: `${id}-${seat}`,
    title: title(seat),
    needs,
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      return seat === "channel" ? prove(bench, channel, hub) : prove(bench, hub, channel)
    },
  }))
}

/** Checks both directions of one open link, one after the other. */
export async function alongBoth(bench: Bench, prove: (from: End, to: End) => Promise<void>): Promise<void> {
  const { channel, hub } = await bench.connect()
  await prove(channel, hub)
  await prove(hub, channel)
}
