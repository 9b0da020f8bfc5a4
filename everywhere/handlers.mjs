// What the hub of a row answers: to talk.mjs, and to the flows of proofs/faults.ts. It uses no API of Node.

/** Time between two messages of a flow, in milliseconds. */
const FLOW_MS = 5

/** @param hub Gets the handlers. */
export function answer(hub) {
  hub.on("up", (data, peer) => peer.send("down", data))
  hub.handle("sum", (numbers) => numbers.reduce((sum, number) => sum + number, 0))
  const flows = new Map()
  const errors = []
  hub.onError((error) => errors.push(String(error)))
  hub.on("flow.up", (number, peer) => flows.get(peer.id)?.heard.push(number))
  hub.handle("flow.begin", (_, peer) => {
    const flow = { heard: [], sent: 0, timer: undefined }
    flow.timer = setInterval(() => peer.send("flow.down", flow.sent++), FLOW_MS)
    flows.set(peer.id, flow)
    peer.onClose(() => clearInterval(flow.timer))
  })
  // All that was sent before this request has come before it, and all that was sent down comes before its answer.
  hub.handle("flow.end", (_, peer) => {
    const { heard, sent, timer } = flows.get(peer.id)
    clearInterval(timer)
    return { heard, sent, errors }
  })
}
