import { type Closing, closing } from "../../wire/errors.ts"

/** A closing that the channel told, as the hub's application is told of it. */
export function saidByPeer({ code, reason, retryable }: Closing): Closing {
  return closing(code === "closed" ? "closed-by-peer" : code, reason, retryable)
}
