import { EventSource } from "eventsource"
import type { Platform } from "../../transports/transport.ts"
import { platform as native } from "../web/platform.ts"

/** Bun has a WebSocket and no EventSource. */
export function platform(): Platform {
  return {
    ...native(),
    openStream: (url, withCredentials) => new EventSource(url, { withCredentials }), // same interface
  }
}

/** There is no page to remember for. Node warns of its `localStorage` when that is only looked at. */
export function store(): undefined {}
