// @ts-check
/**
 * everwire over MessagePort (HTML standard, section 9.4): the channel in a page, the hub in a worker of any kind.
 *
 * Each dial makes a MessageChannel and sends one of its two ports to the hub: that pair of ports is the link. Three
 * kinds of messages go over it: a batch (text or bytes), how much of the other side's batches was taken (a number), and
 * why the link ends (an object).
 *
 * @typedef {import("everwire").Closing} Closing
 * @typedef {import("everwire").LinkSink} LinkSink
 * @typedef {{ addEventListener: MessagePort["addEventListener"]; start?(): void }} Endpoint
 */

const NAME = "message-port"
/** When this much is buffered, the session sends nothing more until the link calls `writable`. */
const FULL_BYTES = 262_144

/**
 * The client half. `endpoint` leads to the hub: a Worker, the port of a SharedWorker, or any MessagePort.
 *
 * @param {{ postMessage(message: unknown, transfer: Transferable[]): void }} endpoint
 * @returns {import("everwire").Dialer}
 */
export function messagePort(endpoint) {
  return {
    name: NAME,
    supported: () => typeof MessageChannel !== "undefined",
    dial(_target, sink) {
      const { port1, port2 } = new MessageChannel()
      endpoint.postMessage({ everwire: port2 }, [port2])
      return openLink(port1, Number.POSITIVE_INFINITY, () => sink)
    },
  }
}

/**
 * The server half. Any code that can post to an endpoint of `listen` can dial.
 *
 * @returns {import("everwire/server").Acceptor & { listen(endpoint: Endpoint): void }}
 */
export function messagePortAcceptor() {
  let onMessage = (/** @type {Event} */ _event) => {}
  return {
    name: NAME,
    listen(endpoint) {
      endpoint.addEventListener("message", (event) => onMessage(event))
      endpoint.start?.()
    },
    open(door) {
      onMessage = (event) => {
        const port = /** @type {MessageEvent} */ (event).data?.everwire
        if (!(port instanceof MessagePort)) return
        const origin = { transport: NAME, address: undefined, header: () => undefined }
        openLink(port, door.maxBatchBytes, (link) => door.admit(link, origin))
      }
      return {
        close() {
          onMessage = () => {}
        },
      }
    },
  }
}

/**
 * @param {MessagePort} port
 * @param {number} maxBytes
 * @param {(link: import("everwire").Link) => LinkSink} admit
 */
function openLink(port, maxBytes, admit) {
  let over = false
  /** Whether `FULL_BYTES` were buffered, so that the session waits for `writable`. */
  let full = false

  const link = {
    name: NAME,
    /** Bytes that the other side has not taken yet. A port does not report this, so both sides tell each other. */
    bufferedBytes: 0,
    send(/** @type {import("everwire").Batch} */ batch) {
      if (over) return
      link.bufferedBytes += batch.length
      full ||= link.bufferedBytes >= FULL_BYTES
      // A copy, because to clone a view clones its whole buffer.
      port.postMessage(typeof batch === "string" ? batch : batch.slice())
    },
    close(/** @type {Closing} */ closing) {
      if (over) return
      over = true
      port.postMessage({ closing })
      port.close()
    },
  }
  const sink = admit(link)

  const end = (/** @type {Closing} */ closing) => {
    if (over) return
    link.close(closing)
    sink.closed(closing)
  }
  const taken = (/** @type {number} */ bytes) => {
    link.bufferedBytes -= Math.min(bytes, link.bufferedBytes)
    if (!full || link.bufferedBytes >= FULL_BYTES / 2) return
    full = false
    sink.writable()
  }
  port.onmessage = ({ data }) => {
    if (over) return
    if (typeof data === "number") return taken(data)
    if (typeof data?.closing?.code === "string") return end(data.closing)
    const isBatch = typeof data === "string" || data instanceof Uint8Array
    if (!isBatch) return end({ code: "protocol-error", reason: "this is no batch", retryable: true })
    if (data.length > maxBytes) return end({ code: "too-large", reason: "the batch is too large", retryable: true })
    port.postMessage(data.length)
    sink.batch(data)
  }
  // Node and newer browsers report that the other port is gone. Elsewhere the session notices by its timeouts.
  port.addEventListener("close", () => end({ code: "network", reason: "the port is gone", retryable: true }))
  return link
}
