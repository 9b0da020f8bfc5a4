// A channel that remembers all that it heard of, for pages and workers alike.

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
    /** Milliseconds until a request was answered. */
    async echo(data = "echo") {
      const askedAt = performance.now()
      const answer = await channel.request("echo", data, { timeoutMs: 20_000 })
      if (answer !== data) throw new Error("another answer")
      return performance.now() - askedAt
    },
    say(everyMs) {
      saying = setInterval(() => channel.send("say", ++said), everyMs)
    },
    /** Says no more, and waits until all that was said is heard. */
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
