import type { LinkOrigin } from "../../transports/transport.ts"
import type { Closing } from "../../wire/errors.ts"
import type { RelaySink } from "../cluster.ts"
import type { Spending } from "../limits/spending.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { Judging } from "./judgement.ts"
import type { Refusal } from "./refusals.ts"

/** How far the admission of a link has come. A welcomed link has its session as its state. */
export type LinkState =
  | { readonly stage: "waiting"; readonly origin: LinkOrigin }
  | Judging
  | HubSession
  | Relayed
  | { readonly stage: "closed" }

/** The session of the link is at another process, which gets all input. */
interface Relayed {
  readonly stage: "relayed"
  readonly sink: RelaySink
  readonly origin: LinkOrigin
  /** Counts the HTTP exchanges of the link. What its packets may cost is counted by the owner. */
  readonly spending: Spending
}

/** The report of a refusal in this state. Undefined for a link that was closed before: its end is reported already. */
export function refusalIn(state: LinkState, { code, reason }: Closing, transport: string): Refusal | undefined {
  if (state.stage === "closed") return undefined
  if (state.stage === "admitted") {
    return { code, reason, stage: "session", transport, address: state.address || undefined, origin: undefined }
  }
  const { address, header } = state.origin
  if (state.stage === "relayed") return { code, reason, stage: "session", transport, address, origin: undefined }
  const isJudgement =
    state.stage === "judging" && state.asked === "authenticate" && (code === "unauthorized" || code === "hello-timeout")
  return { code, reason, stage: isJudgement ? "authenticate" : "hello", transport, address, origin: header("origin") }
}
