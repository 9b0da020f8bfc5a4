import type { Platform } from "../../transports/transport.ts"

/** What browsers, Deno and workers bring themselves. The globals are read when dialing: polyfills and mocks come late. */
export function platform(): Platform {
  const { WebSocket, EventSource } = globalThis as Partial<typeof globalThis> // either may be missing
  return {
    // Both implement the named parts of the HTML standard's interfaces.
    ...(WebSocket && { openSocket: (url, protocols) => new WebSocket(url, protocols) }),
    ...(EventSource && {
      openStream: (url, withCredentials) => new EventSource(url, { withCredentials }),
    }),
  }
}

/** Where a page remembers. */
export function store(): Pick<Storage, "getItem" | "setItem"> | undefined {
  try {
    return globalThis.localStorage // absent in workers and React Native; throws where storage is forbidden
  } catch {
    return undefined
  }
}
