/** One word of the talk. A speaker's words are numbered from 0. */
export interface Word {
  readonly way: "up" | "down"
  /** For `up`: the channel's name. For `down`: the id of the peer that the hub said it to. */
  readonly speaker: string
  readonly n: number
  readonly size: number
  readonly binary: boolean
}

/**
 * Watches the talk for one kind of fault and throws {@link Broken} when it finds one. A witness keeps its own records
 * and does not ask the hub or the channel.
 */
export interface Witness {
  said?(word: Word): void
  /** A message was sent that may be dropped. It is no word. */
  rumoured?(way: Word["way"], speaker: string, size: number): void
  /** A packet of a dialogue will cross. */
  carried?(way: Word["way"], bytes: number): void
  /** `by`: for `up` the id of the peer at the hub that heard the word, for `down` the channel's name. */
  heard?(word: Word, by: string): void
  /** A channel's session could not be resumed. These words may or may not have been heard. */
  reset?(channel: string, uncertain: readonly Word[], onReset: "report" | "resend"): void
  channelClosed?(channel: string): void
  peerClosed?(peer: string, undelivered: number): void
  /** A process could not learn whether another has the session of this peer, and has told its end. The other has it. */
  peerLives?(peer: string): void
  /** The process that has this peer now could not be told of these words, so they may never be heard. */
  mayMiss?(peer: string, words: ReadonlySet<number>): void
  /** A `flush` of the channel has resolved: the channel was told that its first `words` words were heard. */
  flushed?(channel: string, words: number): void
  /** Called after every move, and repeatedly at the end while everything must arrive. */
  check?(): void
  /** All hubs and channels have closed. `lost`: peers whose hub crashed, so their `onClose` was never called. */
  over?(lost: ReadonlySet<string>): void
}
