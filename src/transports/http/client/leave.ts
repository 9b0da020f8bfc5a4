import { GOODBYE_MS } from "../../../wire/defaults.ts"
import type { Dialer, Target } from "../../transport.ts"
import { TEXT_TYPE } from "../envelope.ts"
import { EXCHANGE_RETRY_MS } from "./exchanges.ts"
import { post } from "./post.ts"

/**
 * Sends a bye in a separate request, which outlives its page. Repeats it until `GOODBYE_MS` if the server is
 * overloaded, or if another hub behind the same address answers. It does not use `exchanges.ts`, so that a bundle with only
 * WebSocket stays small.
 */
export async function leave(this: Dialer, target: Target, bye: string): Promise<void> {
  const { runtime } = target
  const abort = new AbortController()
  const cancel = runtime.after(GOODBYE_MS, () => abort.abort())
  for (const pauseMs of [0, ...EXCHANGE_RETRY_MS]) {
    if (pauseMs > 0) await new Promise<void>((resolve) => void runtime.after(pauseMs, resolve))
    if (abort.signal.aborted) break
    try {
      const answer = await post(target, `${target.url}/${this.name}`, {
        headers: { "content-type": TEXT_TYPE },
        body: `@{"close":{}}\n${bye}`,
        keepalive: true,
        signal: abort.signal,
      })
      await answer.arrayBuffer() // an unread body may keep its connection occupied
      if (answer.status < 400) break
    } catch {
      // No server was reached. The error needs no report: the hub ends the session after its resume window.
    }
  }
  cancel()
}
