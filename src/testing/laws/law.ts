import type { Bench } from "./bench.ts"
import type { Claim } from "./subject.ts"

/** A promise that every transport must keep, ready to be checked on one transport. */
export interface Law {
  /** Does not change between versions: `docs/laws.md` and lists of accepted failures name laws by their id. */
  readonly id: string
  /** The promise, as a sentence. */
  readonly title: string
  /** Checks the law on a fresh rig. @throws LawBroken (as a rejection), or any error that the subject's rig throws. */
  run(): Promise<void>
}

/** A law without the transport that it is checked on. */
export interface LawDefinition {
  readonly id: string
  readonly title: string
  /** Traits that the subject must claim; without them the law is not run. */
  readonly needs?: readonly Claim[]
  readonly prove: (bench: Bench) => Promise<void>
}
