import { BATCH_BYTES, LINK_BUFFER_BYTES, MAX_PAYLOAD_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Bytes that a link may buffer: its buffer may be just below the limit when it is given one more batch. */
const LINK_BYTES = LINK_BUFFER_BYTES + Math.max(2 * BATCH_BYTES, 2 * MAX_PAYLOAD_BYTES)
/** Links per channel: twice the ladder, and dead links that the hub has not noticed yet. */
const LINKS = 64

/** Checks that outboxes, the buffers of links, and the number of links stay bounded. */
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
