import { type Closing, closing } from "../../wire/errors.ts"

/** Turns the closing of a channel's bye into the one that the hub's application gets. */
export function saidByPeer({ code, reason, retryable }: Closing): Closing {
  return closing(code === "closed" ? "closed-by-peer" : code, reason, retryable)
}
