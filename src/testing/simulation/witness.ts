/** One word of the talk. A speaker's words are numbered from 0. */
export interface Word {
  readonly way: "up" | "down"
  /** Up a channel's name, down the id of the peer to which it was said. */
  readonly speaker: string
  readonly n: number
  readonly size: number
  readonly binary: boolean
}

/**
 * Watches the talk for one thing that must not happen, and throws {@link Broken} when it does. What it must know it keeps
 * itself: it asks neither end.
 */
export interface Witness {
  said?(word: Word): void
  /** `by`: up the id of the peer at which it was heard, down the channel's name. */
  heard?(word: Word, by: string): void
  /** A channel's session could not be resumed. These words may or may not have been heard. */
  reset?(channel: string, uncertain: readonly Word[], onReset: "report" | "resend"): void
  channelClosed?(channel: string): void
  peerClosed?(peer: string, undelivered: number): void
  /** A channel was told that everything it had said, up to this many words, was heard. */
  flushed?(channel: string, words: number): void
  /** After every move, and again and again while it is awaited that everything arrives. */
  check?(): void
  /** Everything has closed. `lost`: peers whose hub crashed, so that nobody was told. */
  over?(lost: ReadonlySet<string>): void
}
