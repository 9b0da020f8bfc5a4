import { type Channel, channel } from "node:diagnostics_channel"
import type { EventOf, HubEventName, HubObserver, RequestEvent } from "../server/observer.ts"

/** The channels of `node:diagnostics_channel` on which hubs publish, by the name of the event in `HubObserver`. */
const CHANNELS = {
  sessionBegan: channel("everwire:hub:session-began"),
  sessionEnded: channel("everwire:hub:session-ended"),
  linkAttached: channel("everwire:hub:link-attached"),
  linkLost: channel("everwire:hub:link-lost"),
  refused: channel("everwire:hub:refused"),
  messageDropped: channel("everwire:hub:message-dropped"),
  requestHandled: channel("everwire:hub:request-handled"),
  authRefreshed: channel("everwire:hub:auth-refreshed"),
  authExpired: channel("everwire:hub:auth-expired"),
  clusterConnection: channel("everwire:hub:cluster-connection"),
  closing: channel("everwire:hub:closing"),
  closed: channel("everwire:hub:closed"),
} satisfies Record<HubEventName, Channel>

/** The channels that `tracingChannel("everwire:hub:request")` of that module listens to. */
const REQUEST = {
  start: channel("tracing:everwire:hub:request:start"),
  end: channel("tracing:everwire:hub:request:end"),
  asyncStart: channel("tracing:everwire:hub:request:asyncStart"),
  asyncEnd: channel("tracing:everwire:hub:request:asyncEnd"),
  error: channel("tracing:everwire:hub:request:error"),
}

/** What the tracing channels of a request publish: one object for all of them. */
export interface RequestTrace extends RequestEvent {
  /** What the handler threw or rejected with. */
  error?: unknown
}

/**
 * Publishes what happens in a hub on channels of `node:diagnostics_channel`. A hub of `everwire/node` does that anyway;
 * give it to one of `everwire/server` on a runtime that has the module: `createHub({ observer: hubDiagnostics })`. A
 * channel without subscribers costs one look at each event.
 */
export const hubDiagnostics: HubObserver = createObserver()

function createObserver(): HubObserver {
  const observer: HubObserver = {}
  for (const name of Object.keys(CHANNELS) as HubEventName[]) {
    const heard: Channel = CHANNELS[name]
    const publish = (event: EventOf<HubEventName>): void => heard.publish(event)
    Object.defineProperty(observer, name, { enumerable: true, get: () => (heard.hasSubscribers ? publish : undefined) })
  }
  const get = (): unknown => (isTraced() ? traceRequest : undefined)
  return Object.defineProperty(observer, "aroundRequest", { enumerable: true, get })
}

function isTraced(): boolean {
  const { start, end, asyncStart, asyncEnd, error } = REQUEST
  return (
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers
  )
}

/** Publishes in the order that Node documents for tracing channels. Stores bound to `start` are set for the handler. */
function traceRequest(event: RequestEvent, handle: () => Promise<void> | undefined): unknown {
  const trace: RequestTrace = { ...event }
  const failed = (error: unknown): void => {
    trace.error = error
    REQUEST.error.publish(trace)
  }
  const done = (): void => {
    REQUEST.asyncStart.publish(trace)
    REQUEST.asyncEnd.publish(trace)
  }
  return REQUEST.start.runStores(trace, () => {
    try {
      return handle()?.then(done, (error: unknown) => {
        failed(error)
        done()
      })
    } catch (error) {
      failed(error)
      return undefined
    } finally {
      REQUEST.end.publish(trace)
    }
  })
}
