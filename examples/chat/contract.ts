/** The transports that have a switch on the page. */
export type TransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** What the server does with a transport: serves it, refuses it, or takes it and stays silent. */
export type Position = "fine" | "refused" | "mute"

export type Positions = Record<TransportName, Position>

/** Something that was said in the room. */
export interface Saying {
  /** Unique, also across restarts of the server. */
  readonly id: string
  readonly nick: string
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Id of the peer that said it, and its own number for it: by these the page knows its own words again. */
  readonly peer: string
  readonly key: number
}

/** Somebody who is in the room. */
export interface Person {
  readonly id: string
  readonly nick: string
  /** What carries their talk now; null while they are away. */
  readonly transport: string | null
}

/** What became of a numbered stream, as its receiver counted it. */
export interface Count {
  readonly received: number
  readonly lost: number
  readonly doubled: number
}

/** The contract of the chat: what the page and the terminal may say, and what the hub says. */
export interface Chat {
  up: {
    /** First of all, and again whenever the name changes. */
    join: { nick: string }
    chat: { text: string; key: number }
    /** Asks for the numbered stream down, and tells the number of the next beat up. */
    count: { from: number }
    beat: { n: number }
  }
  down: {
    /** First of all. */
    lobby: { history: readonly Saying[]; positions: Positions }
    chat: Saying
    people: readonly Person[]
    positions: Positions
    /** The hub's numbered stream, with its count of the other one. */
    beat: { n: number; heard: Count }
  }
  requests: {
    ping(): string
  }
}
