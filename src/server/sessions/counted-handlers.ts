import { Handlers, type RequestHandler } from "../../messaging/handlers.ts"
import type { SubscribeOptions, Unsubscribe } from "../../messaging/subscription.ts"
import { isThenable } from "../../session/thenable.ts"
import { checkFunction } from "../../wire/packet.ts"
import type { HubPeer } from "./hub-peer.ts"

/**
 * Handlers of a hub. A request counts at its peer until its handler has answered, even after the caller has given up.
 */
export class CountedHandlers extends Handlers<HubPeer> {
  override handle(name: string, handler: RequestHandler<HubPeer>, options?: SubscribeOptions): Unsubscribe {
    checkFunction(handler)
    const counted: RequestHandler<HubPeer> = (data, peer, request) => {
      const answer = handler(data, peer, request)
      if (!isThenable(answer)) return answer
      // A thenable that is no Promise may start its work on each `then`, so call that only once.
      const answering = Promise.resolve(answer)
      peer.holdUntil(answering)
      return answering
    }
    return super.handle(name, counted, options)
  }
}
