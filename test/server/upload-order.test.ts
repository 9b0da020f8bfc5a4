import { createHub, type HttpExchange } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"

const HELLO = {
  v: 1,
  id: "session-of-the-uploads-test",
  key: "the-key-of-the-uploads-test",
  heard: 0,
  acked: 0,
  holder: "one-holder-of-twenty-two",
  turn: 1,
}

it("packets that an upload causes go down the stream before the upload is answered", async () => {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, transports: ["sse"] })
  hub.on("ask", (data, peer) => peer.send("told", data))
  const written: string[] = []

  /** The answer to the upload, once it is there. */
  const exchange = async (method: string, given: { body?: string; ticket?: string }): Promise<string> => {
    let answer = ""
    const asked: HttpExchange = {
      method,
      path: "/everwire/sse",
      address: undefined,
      query: () => given.ticket,
      header: () => undefined,
      body: () => Promise.resolve(new TextEncoder().encode(given.body)),
      respond(_status, _headers, body) {
        answer = String(body)
        written.push("the answer")
      },
      stream: () => ({
        bufferedBytes: 0,
        write: (text) => void written.push(text),
        end() {},
        onDrain() {},
      }),
      onAbort() {},
    }
    hub.exchange(asked)
    await runtime.pass(1)
    return answer
  }

  const opened = await exchange("POST", { body: `@{"up":1}\nh${JSON.stringify(HELLO)}` })
  const { link, ticket } = JSON.parse(opened.slice(1))
  await exchange("GET", { ticket })
  written.length = 0
  await exchange("POST", { body: `@{"link":"${link}","up":2}\nn1\nmask\t42` })
  expect(written).toEqual(["data:n1\ndata:mtold\t42\n\n", "the answer"])
})
