import { createChannel } from "everwire"
import { test } from "vitest"
import { talk } from "./talk.mjs"

test("talks", async () => {
  console.log(`everywhere: ${await talk(createChannel, JSON.parse(process.env.EVERYWHERE))}`)
})
