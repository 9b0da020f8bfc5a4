import { createChannel } from "everwire"
import { shareChannel, useChannel, useMessages, useRequest, useStatus } from "everwire/solid"
import { renderToString } from "solid-js/web"
import { expect, it } from "vitest"
import type { Chat } from "./live.ts"

it("a server renders without a channel, also with a relative URL", () => {
  const live = shareChannel(() => createChannel<Chat>("/everwire"))
  const html = renderToString(() => {
    const count = useRequest(live, "count")
    return `${useStatus(live)().status} ${count.status} ${useMessages(live, "said")().length} ${useChannel(live)()}`
  })
  expect(html).toBe("connecting pending 0 undefined")
  expect(live.channel).toBeUndefined()
})
