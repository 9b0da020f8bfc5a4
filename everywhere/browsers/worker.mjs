// A worker of any kind. On a message from the page it opens a channel, talks over it and closes it.

import { talk } from "./talk.mjs"

async function run(options, port) {
  try {
    const channel = talk(options)
    const ms = await channel.echo()
    while (channel.report().ticks.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const { transport } = channel.report()
    await channel.close()
    port.postMessage({ transport, ms, status: channel.report().status })
  } catch (error) {
    port.postMessage({ error: error.code ?? String(error) })
  }
}

const hear = (event) => {
  const running = run(event.data, event.ports[0])
  event.waitUntil?.(running)
}
globalThis.onmessage = hear
globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = hear
}
// Only for a service worker: it becomes active at once.
globalThis.skipWaiting?.()
