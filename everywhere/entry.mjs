// What bundlers are given.
import { createChannel } from "everwire"
import { talk } from "./talk.mjs"

globalThis.everywhere = (task) => talk(createChannel, task)
