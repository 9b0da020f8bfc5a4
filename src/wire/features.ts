/**
 * The features of this version of the package, by the names that hello and welcome carry. `docs/protocol.md` has the same
 * list.
 */

/** The hub may ask for fresh credentials on a link that works, and the channel answers on it. */
export const AUTH_REFRESH = "auth-refresh"
