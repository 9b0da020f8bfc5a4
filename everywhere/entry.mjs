// The entry file for bundlers.
import { createChannel } from "everwire"
import { talk } from "./talk.mjs"

globalThis.everywhere = (task) => talk(createChannel, task)
