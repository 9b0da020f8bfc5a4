import { readMessage } from "../messaging/message.ts"
import type { Session } from "../session/session.ts"
import type { Packet } from "../wire/batch.ts"
import type { Codec } from "../wire/codec.ts"
import type { ChannelOptions, Reset } from "./options.ts"

/**
 * Ends a session that the hub has forgotten, and says on the `next` one what no link was handed; with `resend` also what
 * the hub may have heard. Returns the messages of which it is not known.
 */
export function carryOver(session: Session, next: Session, { resend, codec }: ChannelOptions): Reset["messages"] {
  const { acked } = session
  const { unacknowledged, unsent, deliveries } = session.end()
  const certain = unacknowledged.length - unsent
  for (const [at, packet] of unacknowledged.entries()) {
    if ((resend || at >= certain) && readMessage(packet, codec))
      next.say(packet, undefined, undefined, deliveries?.get(acked + at + 1))
  }
  return messagesOf(unacknowledged.slice(0, certain), codec)
}

/** The messages among these packets. */
export function messagesOf(packets: readonly Packet[], codec: Codec | undefined): Reset["messages"] {
  return packets.flatMap((packet) => readMessage(packet, codec) ?? [])
}
