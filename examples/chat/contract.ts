/** The transports that have a switch on the page. */
export type TransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** How the server treats a transport. `fine`: serves it. `refused`: refuses it. `mute`: accepts it and stays silent. */
export type Position = "fine" | "refused" | "mute"

export type Positions = Record<TransportName, Position>

/** A chat message. */
export interface Saying {
  /** Unique, also across restarts of the server. */
  readonly id: string
  readonly nick: string
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Id of the peer that sent it, and the number that the peer gave it. By both a page recognizes its own messages. */
  readonly peer: string
  readonly key: number
}

/** A user in the room. */
export interface Person {
  readonly id: string
  readonly nick: string
  /** The transport of the user's connection. Null while the user is disconnected. */
  readonly transport: string | null
}

/** How many beats of a numbered stream its receiver got, missed and got twice. */
export interface Count {
  readonly received: number
  readonly lost: number
  readonly doubled: number
}

/** What the main process of several tells a page. */
export interface ProcessesReport {
  /** All of them, by number, from 1 on. */
  readonly processes: readonly { readonly number: number; readonly runs: boolean }[]
  /** The number of the process that has the page's open connection, by transport. A poll is not open for long enough. */
  readonly carriers: Readonly<Record<string, number>>
}

/** The contract of the chat: what the page and the terminal may send, and what the hub sends. */
export interface Chat {
  up: {
    /** Sent first in a session, and whenever the user changes the name. */
    join: { nick: string }
    chat: { text: string; key: number }
    /** Asks the hub for its numbered stream. `from`: the number of the page's own next beat. */
    count: { from: number }
    beat: { n: number }
  }
  down: {
    /** Sent first in a session. */
    lobby: {
      history: readonly Saying[]
      positions: Positions
      /** The number of the process that keeps the session. Absent if there is one process only. */
      process?: number
    }
    chat: Saying
    people: readonly Person[]
    positions: Positions
    /** One beat of the hub's stream. `heard`: the hub's count of the page's stream. */
    beat: { n: number; heard: Count }
  }
  requests: {
    ping(): string
  }
}
