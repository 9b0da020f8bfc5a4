import { callSafely } from "../session/call-safely.ts"
import type { Packet } from "../wire/batch.ts"
import { type EverwireError, protocolError } from "../wire/errors.ts"
import { CANCEL, CREDIT } from "../wire/kinds.ts"
import { encodePacket } from "../wire/packet.ts"
import { type AbortSignalLike, whenAborted } from "./abort-signal.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { aborted } from "./failure.ts"
import { STREAM_CREDIT } from "./item-pump.ts"
import { loopOver } from "./message-loop.ts"

/** Settles what waits for an answer: with an error, or with the value of the answer. */
export interface Waiting {
  (error?: EverwireError, value?: unknown): void
  /** Receives an item of a stream. */
  item?: (item: unknown) => void
  /** Items of a stream that were received and wait for the loop. Stays the same list when the stream has ended. */
  queue?: unknown[]
}

/** Items that come from the other side, and what this side says for them. */
interface Incoming {
  /** Of the items, and of their end. */
  readonly id: string
  /** Name of the request. */
  readonly name: string
  /** What makes the other side begin. Undefined if there are no items. */
  readonly first: Packet | undefined
  readonly signal?: AbortSignalLike | undefined
  /** Called when no more items come. */
  readonly settled?: () => void
}

/**
 * A loop over the items. It grants the other side credit as it takes them. To leave it tells the other side. And a function
 * that ends it, also when all items have come and wait for the loop.
 */
export function readItems(
  host: Pick<DispatchHost<never>, "say" | "retract" | "failed" | "writable">,
  waiting: Map<string, Waiting>,
  { id, name, first, signal, settled }: Incoming,
): [loop: AsyncGenerator<unknown, void, void>, end: Waiting] {
  let credit = STREAM_CREDIT
  let taken = 0
  let end: Waiting = () => {}
  const grant = (): void => {
    if (taken < STREAM_CREDIT / 2 || !waiting.has(id)) return
    callSafely(
      () => {
        host.say(encodePacket(CREDIT, [id], String(taken)))
        credit += taken
        taken = 0
      },
      // The outbox is full. Without this credit nothing more would come. After the end nothing waits, so nothing is granted.
      () => void host.writable().then(grant, grant),
    )
  }
  const loop = loopOver<unknown>(
    (heard, ended, _, queue) => {
      const settle: Waiting = (error, value) => {
        waiting.delete(id)
        forget()
        if (value !== undefined) heard(value)
        ended(error)
        settled?.()
      }
      end = settle
      settle.queue = queue
      settle.item = (item) => {
        if (credit-- === 0) throw protocolError("an item without credit")
        heard(item)
      }
      const leave = (error?: EverwireError): void => {
        if (!waiting.has(id)) return
        settle(error)
        cancel(host, id, first as Packet) // it waits, so there is one
      }
      const forget = whenAborted(
        signal,
        () => leave(aborted(name, signal)),
        (error) => host.failed(error, "request"),
      )
      waiting.set(id, settle)
      if (!first) settle()
      else callSafely(() => host.say(first), settle as (error: unknown) => void) // `say` throws nothing but EverwireErrors
      return leave
    },
    { signal, maxWaiting: Infinity },
    () => {
      // When all items have come, nothing listens to the signal any more, and items may still wait for the loop.
      if (signal?.aborted) throw aborted(name, signal)
      taken++
      grant()
    },
  )
  return [loop, end]
}

/**
 * Nobody waits for the answer any more. A request that has not left is taken back, so that it is not begun. If the outbox has
 * no room, the other side works on until its deadline.
 */
export function cancel(host: Pick<DispatchHost<never>, "say" | "retract">, id: string, request: Packet): void {
  host.retract(request)
  callSafely(() => host.say(encodePacket(CANCEL, [id], "")))
}
