import type { Dispatch } from "../messaging/dispatch.ts"
import { readMessage } from "../messaging/message.ts"
import type { Session } from "../session/session.ts"
import type { Packet } from "../wire/batch.ts"
import type { Codec } from "../wire/codec.ts"
import type { Closing } from "../wire/errors.ts"
import type { ChannelOptions, Reset } from "./options.ts"

/**
 * Ends a session, and says on the `next` one what the hub has certainly not heard: what is behind `heard`, if the hub has
 * told it, otherwise what no link was handed; with `resend` also what the hub may have heard. Returns the messages of
 * which it is not known. The requests that the hub has told not to have heard were not begun: `before`, which waits for their
 * answers, rejects them with `why`.
 */
export function carryOver(
  session: Session,
  next: Session,
  heard: number | undefined,
  { resend, codec }: ChannelOptions,
  before: Pick<Dispatch<never>, "refusal">,
  why: Closing,
): Reset["messages"] {
  const { acked } = session
  const { unacknowledged, unsent, deliveries } = session.end()
  const uncertain = heard === undefined ? unacknowledged.length - unsent : 0
  const from = heard === undefined ? (resend ? 0 : uncertain) : heard - acked
  for (const [at, packet] of unacknowledged.entries()) {
    if (at < from) continue
    if (readMessage(packet, codec)) next.say(packet, undefined, undefined, deliveries?.get(acked + at + 1))
    else if (heard !== undefined) before.refusal(packet, why)
  }
  return messagesOf(unacknowledged.slice(0, uncertain), codec)
}

/** The messages among these packets. */
export function messagesOf(packets: readonly Packet[], codec: Codec | undefined): Reset["messages"] {
  return packets.flatMap((packet) => readMessage(packet, codec) ?? [])
}
