import type { Sabotage, Spoil } from "./sabotage.ts"

/** A transport with a single fault, and the law that detects it. */
export interface Saboteur extends Sabotage {
  /** Id of the law that it breaks. */
  readonly law: string
  /** What it does wrong: the end of a sentence that begins with "a transport that". */
  readonly wrong: string
  /** The message with which the law fails. */
  readonly why: RegExp
  /** Other laws that fail with this fault too. Default: none. */
  readonly also?: readonly string[]
}

/** A fault at one end, or in the rig. */
export function saboteur(
  law: string,
  wrong: string,
  why: RegExp,
  sabotage: Sabotage & Pick<Saboteur, "also">,
): Saboteur {
  return { law, wrong, why, ...sabotage }
}

/** The same fault in both directions, at the end that sends. */
export function bothWays(law: string, wrong: string, why: RegExp, { from, also }: Twice<"from">): Saboteur[] {
  return [
    { ...named(law, "up", wrong, why, also), channel: from },
    { ...named(law, "down", wrong, why, also), hub: from },
  ]
}

/** The same fault at both ends. */
export function eachSeat(law: string, wrong: string, why: RegExp, { end, also }: Twice<"end">): Saboteur[] {
  return [
    { ...named(law, "channel", wrong, why, also), channel: end },
    { ...named(law, "hub", wrong, why, also), hub: end },
  ]
}

/** In `also`, `*` stands for the direction or the end: "up", "down", "channel" or "hub". */
type Twice<Where extends string> = Readonly<Record<Where, Spoil>> & Pick<Saboteur, "also">

function named(law: string, suffix: string, wrong: string, why: RegExp, also: readonly string[] = []): Saboteur {
  const companions = also.map((id) => id.replace("*", suffix))
  return { law: `${law}-${suffix}`, wrong: `${wrong}, ${suffix}`, why, also: companions }
}
