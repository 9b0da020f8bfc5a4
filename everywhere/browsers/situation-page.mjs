// The page of situations.mjs. The test calls its functions.

import { talk } from "./talk.mjs"

globalThis.page = {
  isThere: true,
  open(options) {
    globalThis.channel = talk(options)
    return true
  },
  /** Opens four endless streams of the application itself. */
  async stream(count) {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const answer = await fetch("/stream")
        await answer.body.getReader().read()
      }),
    )
    return true
  },
  /** Starts a worker of this kind, which opens a channel, talks over it and closes it. */
  async inWorker(kind, options) {
    const { port1, port2 } = new MessageChannel()
    const told = new Promise((resolve, reject) => {
      port1.onmessage = ({ data }) => resolve(data)
      setTimeout(() => reject(new Error("the worker says nothing")), 20_000)
    })
    if (kind === "dedicated") new Worker("/worker.js").postMessage(options, [port2])
    else if (kind === "shared") new SharedWorker("/worker.js").port.postMessage(options, [port2])
    else {
      await navigator.serviceWorker.register("/worker.js")
      const { active } = await navigator.serviceWorker.ready
      active.postMessage(options, [port2])
    }
    return await told
  },
}
