import type { Bench } from "./bench.ts"
import type { Claim } from "./subject.ts"

/** What every transport keeps, ready to be tried on one. */
export interface Law {
  /** Stable: lists of accepted failures and `docs/laws.md` name laws by it. */
  readonly id: string
  /** What is promised, as a sentence. */
  readonly title: string
  /** Tries the law in a world of its own. @throws LawBroken (as a rejection), or whatever the subject's rig throws. */
  run(): Promise<void>
}

/** A law before it knows the transport that it is tried on. */
export interface LawDefinition {
  readonly id: string
  readonly title: string
  /** What a transport or its rig must claim for the law to make sense. */
  readonly needs?: readonly Claim[]
  readonly prove: (bench: Bench) => Promise<void>
}
