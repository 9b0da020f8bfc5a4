import { createChannel, type Dialer } from "everwire"
import { expect, it } from "vitest"

it("a channel that is closed in the tick of its creation, as React's StrictMode does, dials nothing", async () => {
  let dialed = 0
  const dialer: Dialer = {
    name: "counted",
    supported: () => true,
    dial() {
      dialed++
      return { name: "counted", bufferedBytes: 0, send() {}, close() {} }
    },
  }
  const channel = createChannel("http://host", { transports: [dialer] })
  await channel.close()
  await new Promise((resolve) => setTimeout(resolve))
  expect([dialed, channel.status]).toEqual([0, "closed"])
})
