import { createChannel } from "everwire"
import { describe, expect, it } from "vitest"

describe("the URL of a hub", () => {
  it.each([
    ["a query, which would not reach it", "https://hub.example/everwire?token=secret"],
    ["a query behind the host", "https://hub.example?room=1"],
    ["a query that is empty", "https://hub.example/everwire?"],
    ["a hash", "https://hub.example/everwire#room"],
    ["a user", "https://me@hub.example/everwire"],
    ["a user with a password", "wss://me:secret@hub.example"],
    ["another scheme", "ftp://hub.example"],
    ["no host", "/everwire"],
    ["nothing", ""],
  ])("must not have %s", (_, url) => {
    expect(() => createChannel(url)).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it.each(["127.0.0.1:1234", "localhost:3000", "example.com/rt", "//host", "", "ftp://host", "http://host/#room"])(
    "the error for %j says what was given and what is missing",
    (url) => {
      expect(() => createChannel(url)).toThrow(
        expect.objectContaining({
          message: `a hub's URL has a scheme, like http://, and no query, hash or user: "auth" tells more; given: ${url}`,
        }),
      )
    },
  )

  it("may be a URL object, and its path may have any character that a path may have", async () => {
    for (const url of [new URL("https://hub.example"), "ws://hub.example:8080/@me/a%20b", "https://hub.example/a//"]) {
      const channel = createChannel(url, { platform: {}, store: null })
      await channel.close()
    }
  })
})
