import { EXCHANGE_RETRY_MS, GOODBYE_MS } from "../../../wire/defaults.ts"
import type { Dialer, Target } from "../../transport.ts"
import { TEXT_TYPE } from "../envelope.ts"
import { post } from "./post.ts"

/**
 * A bye as a request of its own, which outlives its page. It is said again for a while where a server is overloaded, or
 * where another hub answers behind the same address. Not by way of `exchange`, which a WebSocket alone does not need.
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
      await answer.arrayBuffer() // what is not read may hold a connection
      if (answer.status < 400) break
    } catch {
      // Nobody was reached. There is nothing to tell: the hub ends the session when its time is over.
    }
  }
  cancel()
}
