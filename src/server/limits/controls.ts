import { closing } from "../../wire/errors.ts"

/**
 * What a ping or pong (RFC 6455, section 5.5) costs of an allowance, in milliseconds: a hundred a second are allowed.
 */
export const CONTROL_MS = 10
export const TOO_MANY_CONTROLS = closing("rate-limited", "too many pings or pongs")

/** Why a link ends whose client sent a larger message than a batch may be. */
export const TOO_LARGE = closing("too-large", "a message that is larger than the hub takes")
