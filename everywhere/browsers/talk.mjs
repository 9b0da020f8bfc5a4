// A channel that records every message and status, for pages and workers.

import { createChannel } from "everwire"

/** @param {object} options */
export function talk(options) {
  const startedAt = performance.now()
  const channel = createChannel("/everwire", { store: null, ...options })
  const ticks = []
  const statuses = []
  const resets = []
  const errors = []
  let said = 0
  let saying
  channel.on("tick", (tick) => ticks.push(tick))
  channel.onStatus((status, { transport, closing }) =>
    statuses.push({ at: performance.now() - startedAt, status, transport, code: closing?.code }),
  )
  channel.onReset(({ closing }) => resets.push(closing.code))
  channel.onError((error) => errors.push(String(error)))
  return {
    /** Resolves with the time that a request took to be answered, in milliseconds. */
    async echo(data = "echo") {
      const askedAt = performance.now()
      const answer = await channel.request("echo", data, { timeoutMs: 20_000 })
      if (answer !== data) throw new Error("another answer")
      return performance.now() - askedAt
    },
    say(everyMs) {
      saying = setInterval(() => channel.send("say", ++said), everyMs)
    },
    /** Stops sending, and waits until the hub has heard everything. */
    async hush() {
      clearInterval(saying)
      await channel.flush()
      return said
    },
    report: () => ({
      status: channel.status,
      transport: channel.transport,
      peerId: channel.peerId,
      why: channel.explain().why,
      codes: channel.explain().incidents.flatMap(({ closing }) => closing?.code ?? []),
      ticks: [...ticks],
      statuses: [...statuses],
      resets: [...resets],
      errors: [...errors],
    }),
    close: () => channel.close(),
  }
}
