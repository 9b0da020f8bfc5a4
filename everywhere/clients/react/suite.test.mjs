import { createChannel } from "everwire"
import { shareChannel, useChannel, useStatus } from "everwire/react"
import { createElement, StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { renderToString } from "react-dom/server"
import { expect, test } from "vitest"
import { talk } from "./talk.mjs"

const { url, transport, order } = JSON.parse(process.env.EVERYWHERE)
const made = []
const live = shareChannel(
  () => {
    made.push(createChannel(url, { transports: [transport] }))
    return made.at(-1)
  },
  { closeAfterMs: 0 },
)

/** What the component saw, render by render. */
const seen = { channels: new Set(), statuses: new Set() }

function Talk({ onChannel }) {
  const channel = useChannel(live)
  const { status } = useStatus(live)
  seen.channels.add(channel)
  seen.statuses.add(status)
  if (status === "open") onChannel(channel)
  return status
}

test("talks", async () => {
  expect(renderToString(createElement(Talk))).toBe("connecting")
  expect(seen.channels).toEqual(new Set([undefined]))
  expect(made).toEqual([])
  const root = createRoot(document.body.appendChild(document.createElement("div")))
  const channel = await new Promise((onChannel) => {
    root.render(createElement(StrictMode, null, createElement(Talk, { onChannel })))
  })
  expect(seen.statuses).toEqual(new Set(["connecting", "open"]))
  console.log(`everywhere: ${await talk(() => channel, { url, transport, order })}`)
  root.unmount()
})
