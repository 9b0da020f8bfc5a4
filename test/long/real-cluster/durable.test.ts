import { describe, it, onTestFinished } from "vitest"
import { expectNothingLost } from "../../support/real-cluster/durable.ts"
import { stores } from "../../support/real-cluster/real-cluster.ts"

const MS = Number(process.env["DURABLE_MS"] ?? 60_000)

describe.each(stores)("a durable cluster over %s loses nothing for a minute", (store) => {
  it.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "while the owner is killed every 3 s, over %s",
    async (transport) => {
      await expectNothingLost({ store, transports: [transport], ms: MS, signal: "SIGKILL", onFinished: onTestFinished })
    },
    3 * MS + 60_000,
  )

  it(
    "while the owner is stopped until another process has the session, and woken up",
    async () => {
      await expectNothingLost({
        store,
        transports: ["websocket"],
        ms: MS,
        signal: "SIGSTOP",
        onFinished: onTestFinished,
      })
    },
    3 * MS + 60_000,
  )
})
