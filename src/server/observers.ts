import type { RequestFailure } from "../messaging/failure.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import { wordsOf } from "../wire/errors.ts"
import { HUB_OBSERVER, type HubEventName, type HubObserver, type RequestEvent } from "./observer.ts"

type Report = (error: unknown) => void
type Tell = (event: never) => void
type Around = NonNullable<HubObserver["aroundRequest"]>

/** For a hub that nobody observes. */
const NOBODY: HubObserver = Object.freeze({})

/**
 * Makes one observer of several. Its members are undefined while no observer has such a function, so that callers make
 * no event that nobody hears. `soon`: calls back at the end of the tick. What an observer throws goes to `failed`.
 */
export function joinObservers(
  observers: readonly HubObserver[],
  soon: (run: () => void) => void,
  failed: Report,
): HubObserver {
  if (observers.length === 0) return NOBODY
  const joined: HubObserver = {}
  for (const name of Object.keys(HUB_OBSERVER) as (keyof HubObserver)[]) {
    const call = name === "aroundRequest" ? callAround(observers, failed) : callLater(name, observers, soon, failed)
    Object.defineProperty(joined, name, { get: () => (isHeard(observers, name, failed) ? call : undefined) })
  }
  return joined
}

/** A loop, because a callback for `some` would cost an allocation for each event. */
function isHeard(observers: readonly HubObserver[], name: keyof HubObserver, failed: Report): boolean {
  for (const observer of observers) {
    try {
      if (observer[name] != null) return true
    } catch (error) {
      failed(error) // a getter of the application
    }
  }
  return false
}

function callLater(
  name: HubEventName,
  observers: readonly HubObserver[],
  soon: (run: () => void) => void,
  failed: Report,
): Tell {
  return (event) =>
    soon(() => {
      for (const observer of observers) callSafely(() => observer[name]?.(event), failed)
    })
}

/** Calls all observers around the handler, the first one outermost. */
function callAround(observers: readonly HubObserver[], failed: Report): Around {
  return (event, handle) => {
    let run = handle
    for (const observer of [...observers].reverse()) {
      const inner = run
      run = () => around(observer, event, inner, failed)
    }
    return run()
  }
}

/** Whatever the observer does, the handler runs once, and its outcome is returned or thrown. */
function around(
  observer: HubObserver,
  event: RequestEvent,
  handle: () => Promise<void> | undefined,
  failed: Report,
): Promise<void> | undefined {
  let isCalled = false
  let ended: Promise<void> | undefined
  /** What the handler failed with. */
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure = { error }
  }
  const once = (): Promise<void> | undefined => {
    if (!isCalled) {
      isCalled = true
      try {
        ended = handle()
        ended?.catch(fail)
      } catch (error) {
        fail(error)
      }
    }
    if (failure !== undefined && ended === undefined) throw failure.error
    return ended
  }
  callSafely(
    () => observer.aroundRequest?.(event, once),
    // An observer need not catch what the handler failed with: that is not the observer's error.
    (error) => {
      if (failure === undefined || failure.error !== error) failed(error)
    },
  )
  return once()
}

/** What a request needs of its hub to be observed. */
interface Observed {
  readonly hub: string
  readonly observer: HubObserver
  readonly runtime: Runtime
}

/**
 * Calls the handler of a request, with what observers put around it, and tells them how it ended. Returns what the
 * handler returned, and throws what it threw.
 */
export function observeRequest(host: Observed, peer: string, name: string, handle: () => unknown): unknown {
  const { aroundRequest, requestHandled } = host.observer
  // The rest is a function of its own, because its closures would cost an allocation for each request.
  if (aroundRequest === undefined && requestHandled === undefined) return handle()
  return observed(host, { hub: host.hub, peer, name }, handle)
}

function observed({ observer, runtime }: Observed, request: RequestEvent, handle: () => unknown): unknown {
  const { aroundRequest, requestHandled } = observer
  const since = runtime.now()
  const tell = (code: string | undefined): void =>
    void requestHandled?.({ ...request, durationMs: runtime.now() - since, code })
  let answer: unknown
  try {
    answer = aroundRequest === undefined ? handle() : handleWithin(aroundRequest, request, handle)
  } catch (error) {
    tell(codeOf(error))
    throw error
  }
  if (!isThenable(answer)) {
    tell(undefined)
    return answer
  }
  const answering = Promise.resolve(answer) // a thenable that is no promise may start its work on each `then`
  answering.then(
    () => tell(undefined),
    (error: unknown) => tell(codeOf(error)),
  )
  return answering
}

/** The code that the channel is told when a handler fails with this. */
function codeOf(error: unknown): string {
  return wordsOf(error).startsWith("RequestFailure") ? (error as RequestFailure).code : "request-failed"
}

function handleWithin(around: Around, event: RequestEvent, handler: () => unknown): unknown {
  let answer: unknown
  around(event, () => {
    answer = handler()
    if (!isThenable(answer)) return undefined
    const answering = Promise.resolve(answer) // as above
    answer = answering
    return answering.then(() => {})
  })
  return answer
}
