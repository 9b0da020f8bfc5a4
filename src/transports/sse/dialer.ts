import { callSafely } from "../../session/call-safely.ts"
import { closing, wordsOf } from "../../wire/errors.ts"
import { shareConnections } from "../http/client/connections.ts"
import { leave } from "../http/client/leave.ts"
import { type Down, Uplink } from "../http/client/uplink.ts"
import { readEnvelope } from "../http/envelope.ts"
import type { Batch, ClientStream, Dialer } from "../transport.ts"
import { fromBase64 } from "./base64.ts"

/**
 * SSE: batches come down on an EventSource (HTML standard, section 9.2), uploads are POSTs. The hello goes up first and is
 * answered with a single-use ticket for the stream, so no secret stands in a URL.
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
        // EventSource would dial again by itself, with a ticket that is used up: the connector does that.
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
        // A stream of the application's own may not let itself be closed. The uplink hears no more of it anyway.
        stop: () => callSafely(() => stream?.close()),
      }
    })
  },
}
