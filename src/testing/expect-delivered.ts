import type { Contract } from "../messaging/contract.ts"
import type { Duo } from "./duo.ts"

/** Lines of the trace that an error shows. */
const SHOWN = 20

/**
 * Lets virtual time pass until the channel and the hub have each acknowledged everything that the other has sent, so
 * every handler has been called. An ack reaches a hub within five seconds, and a channel sooner.
 *
 * @throws Error (as a rejection) when this takes longer than `withinMs` of virtual time (default 10 000) or the channel
 * closes: the message says how far each end is and shows the last lines of the network's trace. Also when a handler
 * threw and there is no `onError` listener: then what it threw is the `cause`.
 */
export async function expectDelivered<C extends Contract<C>>(
  duo: Duo<C>,
  { withinMs = 10_000 }: { readonly withinMs?: number } = {},
): Promise<void> {
  const { runtime, network, channel } = duo
  const waiting = (): number =>
    Array.from(duo.hub.peers.values(), (peer) => peer.bufferedBytes).reduce((sum, bytes) => sum + bytes, 0)
  const isDelivered = (): boolean => channel.bufferedBytes === 0 && waiting() === 0
  await runtime.passUntil(() => isDelivered() || channel.status === "closed", withinMs)
  const [cause] = duo.errors
  if (cause !== undefined) throw new Error(`a handler failed: ${cause}`, { cause })
  if (isDelivered()) return
  const { why } = channel.explain()
  const { sent, unacknowledged } = channel.stats()
  const trace = network.trace.split("\n").slice(-SHOWN).join("\n")
  throw new Error(
    `not delivered within ${withinMs} ms of virtual time
the channel is ${channel.status} (${why}); the hub has not acknowledged ${unacknowledged} of the ${sent} packets it sent
${waiting()} bytes that the hub said wait to be acknowledged

What happened last, in milliseconds:
${trace}`,
  )
}
