import { createElement, StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { renderToString } from "react-dom/server"
import { expect, test } from "vitest"
import { talk } from "./talk.mjs"
import { useChannel, useStatus } from "./use-channel.mjs"

const { url, transport, order } = JSON.parse(process.env.EVERYWHERE)
const options = { transports: [transport] }

/** What the component saw, render by render. */
const seen = { channels: new Set(), statuses: new Set() }

function Talk({ onChannel }) {
  const channel = useChannel(url, options)
  seen.channels.add(channel)
  seen.statuses.add(useStatus(channel))
  if (channel?.status === "open") onChannel(channel)
  return channel === undefined ? "no channel" : channel.status
}

test("talks", async () => {
  expect(renderToString(createElement(Talk))).toBe("no channel")
  expect(seen.channels).toEqual(new Set([undefined]))
  const root = createRoot(document.body.appendChild(document.createElement("div")))
  const channel = await new Promise((onChannel) => {
    root.render(createElement(StrictMode, null, createElement(Talk, { onChannel })))
  })
  expect(seen.statuses).toEqual(new Set(["connecting", "open"]))
  console.log(`everywhere: ${await talk(() => channel, { url, transport, order })}`)
  root.unmount()
})
