import vm from "node:vm"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { createReactNative } from "../../everywhere/react-native.mjs"
import type * as everwire from "../../src/index.ts"
import { disposeAll, onDispose, startHub } from "../support/hub-server.ts"
import { bundle } from "./bundle.ts"

let code = ""
beforeAll(async () => {
  code = await bundle("index")
})
afterEach(disposeAll)

/** The client, in a realm like React Native's. */
function load(options?: { hasRandomValues: boolean }): typeof everwire {
  const realm = createReactNative(options)
  vm.runInContext(code, realm)
  return vm.runInContext("everwire", realm) as typeof everwire // The global that the bundle defines.
}

describe("in React Native", () => {
  it.each(["websocket", "long-poll", "short-poll"] as const)(
    "%s carries text, bytes and both in one batch, without TextEncoder, TextDecoder and the getters of URL",
    async (transport) => {
      const { hub, url } = await startHub()
      hub.on("up", (data, peer) => peer.send("down", data))
      const channel = load().createChannel(url, { transports: [transport] })
      onDispose(() => channel.close())
      const heard: unknown[] = []
      channel.on("down", (data) => void heard.push(data))
      const text = "Größe 文字 🙂 \ufeff".repeat(12_000)
      const bytes = Uint8Array.from({ length: 150_000 }, (_, at) => at % 251)
      for (const data of [text, bytes, "between", bytes.buffer, { half: "\ud800" }]) channel.send("up", data)
      await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(5)
      expect(heard[0]).toBe(text)
      expect(Array.from(heard[1] as Uint8Array)).toEqual(Array.from(bytes))
      expect(heard[2]).toBe("between")
      expect(Array.from(heard[3] as Uint8Array)).toEqual(Array.from(bytes))
      expect(heard[4]).toEqual({ half: "\ud800" })
    },
  )

  it("sse is reported as unsupported, because there is no EventSource", async () => {
    const { url } = await startHub()
    const channel = load().createChannel(url, { transports: ["sse"] })
    await expect(channel.opened).rejects.toMatchObject({ code: "unsupported" })
  })

  it("createChannel throws and names the polyfill where there is no secure random source, which keys need", () => {
    const { createChannel } = load({ hasRandomValues: false })
    expect(() => createChannel("https://host")).toThrow(
      expect.objectContaining({ code: "misuse", message: expect.stringContaining("react-native-get-random-values") }),
    )
  })

  it("no regular expression uses property escapes or lookbehind, with which the whole bundle fails in Hermes", () => {
    expect(code.match(/.*(\\p\{|\(\?<[=!]).*/)?.[0]).toBeUndefined()
  })

  it.each([
    ["https://host", "https://host/everwire"],
    ["https://host:8443/", "https://host:8443/everwire"],
    ["wss://host/live/", "https://host/live"],
  ])("createChannel(%s) dials %s", async (given, wanted) => {
    const { createChannel } = load()
    let dialed = ""
    const dialer: everwire.Dialer = {
      name: "noted",
      supported: () => true,
      dial(target) {
        dialed = target.url
        return { name: "noted", bufferedBytes: 0, send() {}, close() {} }
      },
    }
    const channel = createChannel(given, { transports: [dialer] })
    await expect.poll(() => dialed).toBe(wanted)
    await channel.close()
  })

  it.each(["host", "ftp://host", "https://", "file:///x"])("createChannel(%s) throws misuse", (given) => {
    const { createChannel } = load()
    expect(() => createChannel(given)).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})
