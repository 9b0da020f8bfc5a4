import { EventSource } from "eventsource"
import { WebSocket } from "ws"
import type { ClientSocket, ClientStream, Platform } from "../transports/transport.ts"

/** `closeTimeout` cuts a socket whose other end does not answer a closing frame; the types of `ws` do not know it yet. */
const options = { perMessageDeflate: false, closeTimeout: 2_000 }

/** Node: the `ws` package on every version, because the global WebSocket came late and cannot be cut off. */
export function platform(): Platform {
  return {
    openSocket(url, protocols) {
      const socket = new WebSocket(url, protocols, options)
      return socket as unknown as ClientSocket // implements the named part of the interface
    },
    openStream: (url, withCredentials) => new EventSource(url, { withCredentials }) as unknown as ClientStream, // same
  }
}
