// The printed program, whose hub gets the handlers that talk.mjs needs. A Durable Object has no end of its own.
import { answer } from "./handlers.mjs"
import worker, { Chat as Printed } from "./server.mjs"

export class Chat extends Printed {
  constructor(ctx, env) {
    super(ctx, env)
    answer(this.hub)
    this.hub.on("leave", () => this.hub.close())
  }
}

export default worker
