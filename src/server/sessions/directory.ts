import type { HubSession } from "./hub-session.ts"

/** Where sessions are found by id. */
export interface Directory {
  /**
   * The hub's registry answers at once. A directory that has to ask elsewhere gives a promise; its answer may be outdated when
   * it comes, so what the registry has by then counts first. A rejection refuses the link, whose channel tries again.
   */
  find(id: string): HubSession | undefined | PromiseLike<HubSession | undefined>
}
