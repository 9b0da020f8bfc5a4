import { Handlers, type RequestHandler } from "../../messaging/handlers.ts"
import type { SubscribeOptions, Unsubscribe } from "../../messaging/subscription.ts"
import { isThenable } from "../../session/thenable.ts"
import { checkFunction } from "../../wire/packet.ts"
import type { HubPeer } from "./hub-peer.ts"

/** Handlers of a hub. What their requests hold is counted at the peer until they have answered, also when nobody waits. */
export class CountedHandlers extends Handlers<HubPeer> {
  override handle(name: string, handler: RequestHandler<HubPeer>, options?: SubscribeOptions): Unsubscribe {
    checkFunction(handler)
    const counted: RequestHandler<HubPeer> = (data, peer, request) => {
      const answer = handler(data, peer, request)
      if (!isThenable(answer)) return answer
      // One of another make may do its work when it is asked, so it is asked once.
      const answering = Promise.resolve(answer)
      peer.holdUntil(answering)
      return answering
    }
    return super.handle(name, counted, options)
  }
}
