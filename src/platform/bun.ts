import { EventSource } from "eventsource"
import type { ClientStream, Platform } from "../transports/transport.ts"
import { platform as native } from "./native.ts"

/** Bun has a WebSocket and no EventSource. */
export function platform(): Platform {
  return {
    ...native(),
    openStream: (url, withCredentials) => new EventSource(url, { withCredentials }) as unknown as ClientStream, // same interface
  }
}
