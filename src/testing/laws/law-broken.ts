/** The error with which a law fails: the transport does not keep it. */
export class LawBroken extends Error {
  override readonly name = "LawBroken"
  /** The law's id. */
  readonly law: string
  /** What the law requires, in words. */
  readonly expected: string
  /** What happened instead, in words. */
  readonly seen: string

  constructor(law: string, expected: string, seen: string) {
    super(`${law}: expected ${expected}; seen: ${seen}`)
    this.law = law
    this.expected = expected
    this.seen = seen
  }
}
