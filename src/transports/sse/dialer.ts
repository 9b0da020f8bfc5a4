import { callSafely } from "../../session/call-safely.ts"
import { closing, wordsOf } from "../../wire/errors.ts"
import { shareConnections } from "../http/client/connections.ts"
import type { Down } from "../http/client/down.ts"
import { leave } from "../http/client/leave.ts"
import { Uplink } from "../http/client/uplink.ts"
import { readEnvelope } from "../http/envelope.ts"
import type { Batch, ClientStream, Dialer } from "../transport.ts"
import { fromBase64 } from "./base64.ts"

/**
 * SSE: the hub sends batches on an EventSource (HTML standard, section 9.2), and the channel uploads by POST. The hello
 * goes up first. The hub answers it with a single-use ticket for the stream, so no lasting secret is in a URL.
 */
export const sse: Dialer = {
  name: "sse",
  streamed: true,
  holds: shareConnections,
  supported: (platform) => !!platform.openStream && !!(platform.fetch ?? globalThis.fetch),
  leave,
  dial(target, sink) {
    return new Uplink("sse", target, sink, (uplink): Down => {
      let stream: ClientStream | undefined
      const hear = (stream: ClientStream): void => {
        stream.onmessage = ({ data }) => {
          try {
            const event = String(data)
            if (event.startsWith("@")) uplink.hear(readEnvelope(event), undefined)
            else uplink.hear(undefined, event.startsWith("=") ? fromBase64(event.slice(1)) : (event satisfies Batch))
          } catch {
            uplink.fail(closing("protocol-error", "an unknown kind of packet"))
          }
        }
        stream.onrefused = (why) => uplink.fail(why)
        // EventSource would reconnect by itself, but with a used ticket. The link fails instead, and the connector
        // dials again.
        stream.onerror = () => uplink.fail(closing("network", "it broke"))
      }
      return {
        polls: "never",
        opened({ ticket = "" }) {
          sink.moved?.()
          const url = `${target.url}/sse?ticket=${ticket}`
          try {
            stream = target.platform.openStream?.(url, target.withCredentials)
            if (stream) hear(stream)
          } catch (error) {
            uplink.fail(closing("unsupported", wordsOf(error)))
          }
        },
        // `close` of a stream that the application injected may throw. The uplink ignores its events from now on
        // anyway.
        stop: () => callSafely(() => stream?.close()),
      }
    })
  },
}
