import { expect, it } from "vitest"
import { loopOver } from "../../src/messaging/message-loop.ts"
import { EverwireError } from "../../src/wire/errors.ts"

// To take an item of an input grants credit. When the outbox has no room for that, it ends the session, and so the input.
it("a loop brings what it took, and nothing in its place, when the taking itself ends the subscription", async () => {
  let end = (_why: EverwireError): void => {}
  let taken = 0
  const loop = loopOver<string>(
    (heard, ended) => {
      for (const data of ["one", "two", "three"]) heard(data)
      end = ended
      return () => {}
    },
    undefined,
    () => {
      if (++taken === 2) end(new EverwireError("request-aborted", "the session has ended"))
    },
  )
  const brought: string[] = []
  const reading = (async () => {
    for await (const data of loop) brought.push(data)
  })()
  await expect(reading).rejects.toMatchObject({ code: "request-aborted" })
  expect(brought).toEqual(["one", "two"])
})
