import { createHub } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"
import type { Door, Link } from "../../src/transports/transport.ts"
import { type Hello, writeHello, writeTake } from "../../src/wire/handshake.ts"

const HELLO: Hello = {
  v: 1,
  id: "a-session-with-a-pulse-",
  key: "the-key-of-the-session-",
  holder: "the-holder-of-the-key--",
  heard: 0,
  acked: 0,
  turn: 1,
}

it("the shorter heartbeat stays that was granted to a link without a turn, when that link takes over", async () => {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const hub = createHub({
    runtime,
    transports: [
      {
        name: "own",
        open(given) {
          door = given
          return {}
        },
      },
    ],
  })
  const dial = (hello: Hello): { down: string[]; say: (text: string) => void } => {
    const down: string[] = []
    const link: Link = { name: "own", bufferedBytes: 0, send: (batch) => void down.push(String(batch)), close() {} }
    const sink = door?.admit(link, { transport: "own", address: undefined, header: () => undefined })
    sink?.batch(writeHello(hello))
    return { down, say: (text) => sink?.batch(text) }
  }
  dial(HELLO)
  const spare = dial({ ...HELLO, turn: 0, hub: hub.id, speakMs: 5_000 })
  expect(spare.down.join()).toContain('"speakMs":5000')
  spare.say(writeTake({ turn: 2, heard: 0 }))
  spare.down.length = 0
  await runtime.pass(5_000)
  expect(spare.down).not.toEqual([])
})
