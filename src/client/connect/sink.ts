import type { LinkSink } from "../../session/link.ts"
import { type Batch, decodeBatch, type Packet } from "../../wire/batch.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import { ACK } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import type { Attempts, OwnAttempt } from "./attempt.ts"

/** What becomes of what an attempt's link receives. */
export interface SinkHost {
  /** The first batch of the link. */
  answered(attempt: OwnAttempt, packets: readonly Packet[]): void
  /** Another batch came, which the session has heard. `isProof`: the link had to prove itself by it. */
  heard(attempt: OwnAttempt, isProof: boolean): void
  closed(attempt: OwnAttempt, why: Closing): void
  /**
   * Ends the link of an attempt from this side. `mute`: see `stop`. `why`: by default that nothing came in time.
   */
  end(attempt: OwnAttempt, mute?: boolean, why?: Closing): void
}

/** Creates the sink that passes on what an attempt's link receives, until that link has ended. */
export function createSink(attempt: OwnAttempt, attempts: Attempts, host: SinkHost): LinkSink {
  const live =
    <Given extends unknown[]>(hear: (...given: Given) => void) =>
    (...given: Given): void => {
      if (!attempt.over) hear(...given)
    }
  /** Ends the link if a batch breaks the protocol. */
  const guarded = (hear: (packets: readonly Packet[]) => void): ((batch: Batch) => void) =>
    live((batch) => {
      try {
        hear(decodeBatch(batch))
      } catch (error) {
        if (!(error instanceof EverwireError)) throw error
        host.end(attempt, false, closing(error.code, error.message))
      }
    })
  function heard(packets: readonly Packet[]): void {
    if (!attempt.welcome) return host.answered(attempt, packets)
    // An ack answers something that this link sent. Other packets come by themselves and do not prove that the way up
    // works.
    const isAnswer = packets.some((packet) => kindOf(packet) === ACK)
    const isProof = attempts.heard(attempt, isAnswer)
    attempts.session.hear(attempt.link, packets)
    if (!attempt.over) host.heard(attempt, isProof)
  }
  return {
    batch: guarded(heard),
    acknowledged: guarded((packets) => attempts.session.acknowledged(attempt.link, packets)),
    closed: live((why) => host.closed(attempt, why)),
    writable: live(() => attempts.session.writable(attempt.link)),
    moved: live(() => attempts.moved(attempt)),
  }
}
