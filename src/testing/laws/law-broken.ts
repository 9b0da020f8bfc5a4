/** A transport does not keep a law. */
export class LawBroken extends Error {
  override readonly name = "LawBroken"
  /** Id of the law. */
  readonly law: string
  /** What the law asks for. */
  readonly expected: string
  /** What came instead. */
  readonly seen: string

  constructor(law: string, expected: string, seen: string) {
    super(`${law}: expected ${expected}; seen: ${seen}`)
    this.law = law
    this.expected = expected
    this.seen = seen
  }
}
