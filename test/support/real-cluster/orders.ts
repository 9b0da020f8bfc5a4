/** What joins the processes. */
export type Store = "processes" | "redis" | "nats"

/** What a process is started with. */
export interface Setup {
  readonly name: string
  readonly store: Store
  /** Where the store listens. `processes()` finds it by itself. */
  readonly port: number
  /** The file that all processes write to. */
  readonly journal: string
  /** How many messages each peer is sent in a second. */
  readonly perSecond: number
  readonly maxSessions: number
  /** Whether sessions are kept in the store. Then each message is answered with its number. */
  readonly isDurable: boolean
}

/** What the test asks of a process. All but a close are answered with `done`. */
export type Order = { readonly id: number } & (
  | { readonly hush: string }
  | { readonly broadcast: boolean }
  | { readonly stats: true }
  | { readonly publish: number; readonly bytes: number }
  | { readonly drainMs: number }
)

export interface ProcessStats {
  readonly sessions: number
  readonly unpublished: number
  /** Memory of the process, in bytes. */
  readonly rss: number
}

/** What a process tells the test. */
export type Told = { readonly port: number } | Done | { readonly closed: true } | { readonly failure: string }

/** An order was obeyed. */
export interface Done {
  readonly done: number
  readonly stats?: ProcessStats
}
