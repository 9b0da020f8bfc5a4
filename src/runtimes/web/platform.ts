import type { Platform } from "../../transports/transport.ts"

/**
 * What browsers, Deno and workers have built in. The globals are read at each dial, because polyfills and mocks may be
 * set late.
 */
export function platform(): Platform {
  const { WebSocket, EventSource } = globalThis as Partial<typeof globalThis> // either may be missing
  return {
    // The standard's interfaces (HTML standard) contain all that these two need.
    ...(WebSocket && { openSocket: (url, protocols) => new WebSocket(url, protocols) }),
    ...(EventSource && {
      openStream: (url, withCredentials) => new EventSource(url, { withCredentials }),
    }),
  }
}

/** Where a page keeps what its channels learned about the network. */
export function store(): Pick<Storage, "getItem" | "setItem"> | undefined {
  try {
    return globalThis.localStorage // absent in workers and React Native; throws where storage is forbidden
  } catch {
    return undefined
  }
}
