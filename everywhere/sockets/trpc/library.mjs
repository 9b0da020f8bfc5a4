// tRPC: wsLink, and applyWSSHandler on the interface of ws. Numbers go up as mutations and come down in a subscription.
import { initTRPC } from "@trpc/server"
import * as lines from "./lines.mjs"

export function serve(server, { heard, numbers }) {
  const t = initTRPC.create()
  const number = (n) => {
    if (typeof n !== "number") throw new Error("a number")
    return n
  }
  const router = t.router({
    say: t.procedure.input(number).mutation(({ input }) => {
      heard(input)
      return input
    }),
    count: t.procedure.subscription(async function* ({ signal }) {
      for await (const n of numbers(signal)) yield n
    }),
  })
  lines.serve(server, router)
}

export async function connect({ WebSocket, url, heard, failed }) {
  let isClosing = false
  const { client, trpc } = lines.connect(WebSocket, url, {
    retryDelayMs: () => 600_000,
    onClose: () => isClosing || failed(new Error("the connection closed")),
  })
  await new Promise((resolve) =>
    trpc.count.subscribe(undefined, { onStarted: resolve, onData: heard, onError: failed }),
  )
  const asked = []
  return {
    send: (n) =>
      asked.push(trpc.say.mutate(n).then((same) => same === n || failed(new Error("another answer")), failed)),
    async close() {
      await Promise.all(asked)
      isClosing = true
      return client.close()
    },
  }
}
