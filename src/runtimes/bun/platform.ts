import { EventSource } from "eventsource"
import type { Platform } from "../../transports/transport.ts"
import { platform as native } from "../web/platform.ts"

/** Bun has a built-in WebSocket, but no EventSource. */
export function platform(): Platform {
  return {
    ...native(),
    openStream: (url, withCredentials) => new EventSource(url, { withCredentials }), // same interface
  }
}

/** There is no page to keep anything for. In Node, reading `localStorage` would already print a warning. */
export function store(): undefined {}
