import { checkNames, type Known } from "../messaging/option-names.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"

/** Options of a cluster. */
export interface ClusterOptions {
  /**
   * With what the cluster's topics and keys in the backplane begin. Default `everwire`. Two clusters on one backplane need
   * different ones.
   */
  readonly prefix?: string | undefined
}

/**
 * The prefix of a cluster.
 *
 * @param more Options that this call has besides.
 * @throws EverwireError `misuse` on an unknown option, or a prefix that no topic can have
 */
export function readPrefix(of: string, backplane: Backplane, options: ClusterOptions, more: Known = {}): string {
  checkNames(options, { prefix: "string", ...more }, of)
  if (typeof Object(backplane).publish !== "function") {
    throw new EverwireError("misuse", `${of} wants a backplane, such as processes(); given: ${typeof backplane}`)
  }
  const { prefix = "everwire" } = options
  if (/^[\w.:-]{1,64}$/.test(prefix)) return prefix
  throw new EverwireError("misuse", `prefix is 1 to 64 letters, digits and "_.:-"; given: ${prefix}`)
}
