import { DurableObject } from "cloudflare:workers"
import { createHub } from "everwire/workers"

export class Chat extends DurableObject {
  hub = createHub(this.ctx)

  constructor(ctx, env) {
    super(ctx, env)
    this.hub.on("chat", (data) => this.hub.send("chat", data))
  }

  fetch(request) {
    return this.hub.fetch(request)
  }
}

export default {
  fetch(request, env) {
    if (!new URL(request.url).pathname.startsWith("/everwire/")) return new Response("the application")
    return env.CHAT.getByName("lobby").fetch(request)
  },
}
