import type { HubSession } from "./hub-session.ts"

/** Finds sessions by their id. */
export interface Directory {
  /**
   * The hub's registry answers at once. A directory that asks elsewhere returns a promise. Its answer may be outdated,
   * so a session that the registry has by then is preferred. A rejection refuses the link, and its channel tries again.
   */
  find(id: string): HubSession | undefined | PromiseLike<HubSession | undefined>
}
