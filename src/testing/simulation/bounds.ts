import { BATCH_BYTES, LINK_BUFFER_BYTES, MAX_PAYLOAD_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** What a link may hold: the last batch that a session handed it found room, or was one packet of the largest payload. */
const LINK_BYTES = LINK_BUFFER_BYTES + Math.max(2 * BATCH_BYTES, 2 * MAX_PAYLOAD_BYTES)
/** Links of one channel and of what is left of them at the hub: the ladder twice, and those that only look alive there. */
const LINKS = 64

/** Nothing grows without a bound: outboxes, what waits on a link, links. */
export const bounds: Checker = {
  check({ plan, application, running, listening, network }) {
    const channelBytes = application.channelOptions?.maxOutboxBytes ?? plan.maxOutboxBytes
    const hubBytes = application.hubOptions?.maxOutboxBytes ?? plan.maxOutboxBytes
    for (const { name, channel } of running) hold(name, channel.bufferedBytes, channelBytes)
    for (const { hub } of listening) {
      for (const peer of hub.peers.values()) hold(peer.id, peer.bufferedBytes, hubBytes)
    }
    const { wires } = network
    for (const { name, number, dialer, acceptor } of wires) {
      for (const end of [dialer, acceptor]) {
        if (end !== undefined && end.bufferedBytes > LINK_BYTES) {
          throw new Broken("bounds", `${end.bufferedBytes} bytes wait on ${name}#${number}`)
        }
      }
    }
    const most = LINKS * plan.channels
    if (wires.length > most) throw new Broken("bounds", `${wires.length} links for ${plan.channels} channels`)
  },
}

/** An empty outbox takes one packet of any size. */
function hold(who: string, bytes: number, bound: number): void {
  if (bytes > Math.max(bound, MAX_PAYLOAD_BYTES) + PACKET_OVERHEAD_BYTES) {
    throw new Broken("bounds", `the outbox of ${who} holds ${bytes} bytes and may hold ${bound}`)
  }
}
