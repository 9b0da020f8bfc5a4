import { createChannel } from "everwire"
import { talk } from "./talk.mjs"

export default {
  async fetch(request) {
    try {
      return new Response(await talk(createChannel, await request.json()))
    } catch (error) {
      return new Response(error.message, { status: 500 })
    }
  },
}
