import { test } from "node:test"
import { createChannel } from "everwire"
import { talk } from "./talk.mjs"

test("talks", async () => {
  console.log(`everywhere: ${await talk(createChannel, JSON.parse(process.env.EVERYWHERE))}`)
})
