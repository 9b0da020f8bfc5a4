// A worker of any kind that opens a channel as it is told, talks over it and closes it.

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
// Of a service worker alone: it is in use at once.
globalThis.skipWaiting?.()
