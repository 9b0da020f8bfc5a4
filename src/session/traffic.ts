/** What all sessions of a channel or a hub have carried. The sessions count here; the counts never fall. */
export interface Traffic {
  /** Packets that were sent, whatever became of them: messages, requests, answers, items of streams, credits, cancels. */
  sent: number
  /** Such packets of the other side that arrived, each counted once. */
  received: number
  /** Packets that a link was handed again, because an earlier link may not have delivered them. */
  replayed: number
  /**
   * Bytes of the batches that sessions handed to links: packets, acks and probes, without hellos and what went with
   * them, and without what HTTP, WebSocket and TLS add. A text counts one byte for each UTF-16 unit.
   */
  sentBytes: number
  /** Bytes of the packets that links brought to sessions, counted like `sentBytes`, without welcomes and byes. */
  receivedBytes: number
}

export function createTraffic(): Traffic {
  return { sent: 0, received: 0, replayed: 0, sentBytes: 0, receivedBytes: 0 }
}
