// The client of every runtime that has processes.
import { createChannel } from "everwire"
import { talk } from "./talk.mjs"

console.log(`everywhere: ${await talk(createChannel, JSON.parse(process.env.EVERYWHERE))}`)
