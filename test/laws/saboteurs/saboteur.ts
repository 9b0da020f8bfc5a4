import type { Seat } from "../../../src/testing/laws.ts"
import type { Sabotage, Spoil } from "./sabotage.ts"

/** A transport that is honest but for one thing, and the law that finds it out. */
export interface Saboteur extends Sabotage {
  /** Id of the law that it breaks. */
  readonly law: string
  /** What it does wrong: a sentence after "a transport that". */
  readonly wrong: string
  /** What the law says about it. */
  readonly why: RegExp
  /** The other laws that cannot be kept with this fault. */
  readonly also: readonly string[]
}

type Facts = readonly [law: string, wrong: string, why: RegExp]

/** A fault at one end, or in what the rig does. */
export function saboteur(...[law, wrong, why, sabotage, also = []]: [...Facts, Sabotage, also?: string[]]): Saboteur {
  return { law, wrong, why, also, ...sabotage }
}

/** The same fault for both directions, at the end that sends. `*` in a companion's id stands for the direction. */
export function bothWays(...[law, wrong, why, spoil, also]: [...Facts, Spoil, also?: string[]]): Saboteur[] {
  return twice(["up", "down"], law, wrong, why, spoil, also)
}

/** The same fault for both ends. `*` in a companion's id stands for the seat. */
export function eachSeat(...[law, wrong, why, spoil, also]: [...Facts, Spoil, also?: string[]]): Saboteur[] {
  return twice(["channel", "hub"], law, wrong, why, spoil, also)
}

function twice(
  [one, other]: readonly [string, string],
  ...[law, wrong, why, spoil, also = []]: [...Facts, Spoil, also?: string[]]
): Saboteur[] {
  const at = (suffix: string, seat: Seat): Saboteur => ({
    law: `${law}-${suffix}`,
    wrong: `${wrong} (${suffix})`,
    why,
    also: also.map((id) => id.replace("*", suffix)),
    [seat]: spoil,
  })
  return [at(one, "channel"), at(other, "hub")]
}
