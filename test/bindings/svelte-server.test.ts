import { createChannel } from "everwire"
import { shareChannel, useChannel, useMessages, useRequest, useStatus } from "everwire/svelte"
import { expect, it } from "vitest"
import type { Chat } from "./live.ts"

it("a server reads the values without a channel, also with a relative URL", () => {
  // Node gets Svelte's build for servers, where nothing follows what is read.
  const live = shareChannel(() => createChannel<Chat>("/everwire"))
  const count = useRequest(live, "count")
  expect([
    useStatus(live).current.status,
    count.status,
    useMessages(live, "said").current,
    useChannel(live).current,
  ]).toEqual(["connecting", "pending", [], undefined])
  expect(live.channel).toBeUndefined()
})
