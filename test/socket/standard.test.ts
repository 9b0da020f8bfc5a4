// The client's class keeps the WebSocket interface of the HTML standard. `docs/socket.md` lists these behaviours.

import { describe, expect, it } from "vitest"
import { createSocketDuo, logOf } from "./sockets.ts"

/** The name of the exception that this throws. */
function thrown(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as Error).name
  }
  return "nothing"
}

describe("constructing", () => {
  it("makes an EventTarget that is connecting and has the defaults of the standard", async () => {
    const { WebSocket } = await createSocketDuo()
    const client = new WebSocket("ws://host/path")
    expect(client).toBeInstanceOf(EventTarget)
    expect(client).toMatchObject({
      readyState: 0,
      bufferedAmount: 0,
      extensions: "",
      protocol: "",
      binaryType: "blob",
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
    })
  })

  it("has the constants on the class and on each socket, and they cannot be changed", async () => {
    const { WebSocket } = await createSocketDuo()
    const client = new WebSocket("ws://host/path")
    for (const has of [WebSocket, client]) {
      expect([has.CONNECTING, has.OPEN, has.CLOSING, has.CLOSED]).toEqual([0, 1, 2, 3])
      expect(thrown(() => Object.assign(has, { OPEN: 7 }))).toBe("TypeError")
    }
  })

  it.each([
    ["ws://host", "ws://host/"],
    ["http://host/a?b", "ws://host/a?b"],
    ["https://host:8443/a", "wss://host:8443/a"],
    ["wss://host:443/a", "wss://host/a"],
    ["ws://host/ä b", "ws://host/%C3%A4%20b"],
    [new URL("ws://host/u"), "ws://host/u"],
  ])("reads the URL %s", async (given, href) => {
    const { WebSocket } = await createSocketDuo()
    expect(new WebSocket(given).url).toBe(href)
  })

  it.each(["", "path", "ftp://host/", "ws://host/#", "ws://host/#part", "mailto:a@b", "ws:// "])(
    "refuses the URL %j with a SyntaxError",
    async (url) => {
      const { WebSocket } = await createSocketDuo()
      expect(thrown(() => new WebSocket(url))).toBe("SyntaxError")
    },
  )

  it.each([[""], [["a", "a"]], [["a", "A"]], ["a b"], ["a,b"], [["ok", "\u00e4"]], [["a", ""]]])(
    "refuses the sub-protocols %j with a SyntaxError",
    async (protocols) => {
      const { WebSocket } = await createSocketDuo()
      expect(thrown(() => new WebSocket("ws://host/", protocols))).toBe("SyntaxError")
    },
  )
})

describe("calling with nothing", () => {
  it("throws TypeError where an argument is needed", async () => {
    const { WebSocket, open } = await createSocketDuo()
    expect(thrown(() => Reflect.construct(WebSocket, []))).toBe("TypeError")
    const { client } = await open()
    expect(thrown(() => Reflect.apply(client.send, client, []))).toBe("TypeError")
  })
})

describe("opening", () => {
  it("fires open when the hub has taken the socket", async () => {
    const { open } = await createSocketDuo()
    const { client, socket, log } = await open("ws://host/a/b?c=d")
    expect(log).toEqual(["open"])
    expect(client.readyState).toBe(1)
    expect(socket.readyState).toBe(1)
  })

  it("has the sub-protocol that the server chose, by default the first", async () => {
    const { open } = await createSocketDuo()
    const { client, socket } = await open("ws://host/", ["second", "first"])
    expect([client.protocol, socket.protocol]).toEqual(["second", "second"])
  })

  it.each([
    ["none of those that were offered", ["a", "b"], false],
    ["one that was not offered", ["a"], "c"],
  ] as const)("fails when the server chooses %s", async (_, offered, chosen) => {
    const { WebSocket, settle, accepted } = await createSocketDuo({ handleProtocols: () => chosen })
    const client = new WebSocket("ws://host/", [...offered])
    const log = logOf(client)
    await settle()
    expect(log).toEqual(["error", "close 1006 unclean"])
    expect(client.readyState).toBe(3)
    expect(accepted[0]?.readyState).toBe(3)
  })

  it("fails where the hub has no server of the path", async () => {
    const { WebSocket, settle } = await createSocketDuo({ path: "/only" })
    const log = logOf(new WebSocket("ws://host/other"))
    await settle()
    expect(log).toEqual(["error", "close 1006 unclean"])
  })

  it("is given up by close, with an error and 1006, and the hub's end ends", async () => {
    const { WebSocket, settle, accepted } = await createSocketDuo()
    const client = new WebSocket("ws://host/")
    const log = logOf(client)
    client.close(1000, "too late")
    expect([client.readyState, log]).toEqual([2, []])
    await settle()
    expect(log).toEqual(["error", "close 1006 unclean"])
    expect(accepted.map(({ readyState }) => readyState)).toEqual([3])
  })
})

describe("send", () => {
  it("throws InvalidStateError before the socket is open", async () => {
    const { WebSocket } = await createSocketDuo()
    const client = new WebSocket("ws://host/")
    expect(thrown(() => client.send("early"))).toBe("InvalidStateError")
  })

  it("keeps the order of texts, bytes, views and Blobs", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: string[] = []
    socket.on("message", (data, isBinary) => got.push(`${isBinary ? "bytes" : "text"} ${data}`))
    client.send("one")
    client.send(new Blob(["two"]))
    client.send(new TextEncoder().encode("three").buffer)
    client.send(new DataView(new TextEncoder().encode("..four..").buffer, 2, 4))
    client.send(new Blob(["five"]))
    client.send(6 as unknown as string) // as the standard converts it
    client.send(null as unknown as string)
    client.send("")
    for (let turn = 0; turn < 5; turn++) await new Blob(["x"]).arrayBuffer() // Blobs are read in real turns
    await settle()
    expect(got).toEqual([
      "text one",
      "bytes two",
      "bytes three",
      "bytes four",
      "bytes five",
      "text 6",
      "text null",
      "text ",
    ])
  })

  it("replaces half a surrogate pair with U+FFFD, and keeps whole pairs", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: string[] = []
    socket.on("message", (data) => got.push(String(data)))
    client.send("a\ud83d\ude00b\ud83dc\ude00")
    await settle()
    expect(got).toEqual(["a\u{1f600}b\ufffdc\ufffd"])
  })

  it("has copied bytes when it returns", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: string[] = []
    socket.on("message", (data) => got.push(String(data)))
    const bytes = new TextEncoder().encode("before")
    client.send(bytes)
    bytes.fill(0)
    await settle()
    expect(got).toEqual(["before"])
  })

  it("closes with 1009 after a message that is larger than the hub takes", async () => {
    const { open, settle } = await createSocketDuo({}, { hub: { maxPayloadBytes: 100 } })
    const { client, socket, log } = await open()
    const codes: number[] = []
    socket.on("close", (code) => codes.push(code))
    client.send("x".repeat(200))
    expect([client.readyState, log]).toEqual([2, ["open"]])
    await settle()
    expect([codes, log]).toEqual([[1009], ["open", "close 1009 too large clean"]])
  })

  it("fails with 1006 when the channel has no room, and the hub learns it when there is room", async () => {
    const { open, settle, network } = await createSocketDuo({}, { channel: { maxOutboxBytes: 2_000 } })
    const { client, socket, log } = await open()
    network.cut()
    for (let n = 0; n < 3; n++) client.send("x".repeat(800))
    expect([client.readyState, log]).toEqual([2, ["open"]])
    await settle()
    expect(log).toEqual(["open", "error", "close 1006 unclean"])
    for (let s = 0; s < 30; s++) await settle()
    expect(socket.readyState).toBe(3)
  })
})

describe("bufferedAmount", () => {
  it("counts the bytes of send at once, in UTF-8, and is 0 when the hub has them", async () => {
    const { open, settle } = await createSocketDuo()
    const { client } = await open()
    await settle()
    client.send("aä€\u{1f600}") // 1 + 2 + 3 + 4
    expect(client.bufferedAmount).toBe(10)
    client.send(new Uint8Array(5))
    expect(client.bufferedAmount).toBe(15)
    client.send(new Blob(["four"]))
    expect(client.bufferedAmount).toBe(19)
    for (let turn = 0; turn < 5; turn++) await new Blob(["x"]).arrayBuffer()
    await settle()
    expect(client.bufferedAmount).toBe(0)
  })

  it("counts what is sent after close for ever", async () => {
    const { open, settle } = await createSocketDuo()
    const { client } = await open()
    await settle()
    client.close()
    client.send("abc")
    await settle()
    client.send(new Uint8Array(4))
    await settle()
    expect(client.bufferedAmount).toBe(7)
  })
})

describe("receiving", () => {
  it("fires MessageEvents with the origin of the URL", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open("wss://host:8443/path")
    const events: MessageEvent[] = []
    client.onmessage = (event) => events.push(event)
    socket.send("text")
    await settle()
    expect(events[0]).toBeInstanceOf(MessageEvent)
    expect(events[0]).toMatchObject({ type: "message", data: "text", origin: "wss://host:8443", target: client })
  })

  it("gives bytes as binaryType says, which ignores other values", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: unknown[] = []
    client.onmessage = ({ data }) => got.push(data)
    socket.send(Uint8Array.of(1, 2))
    await settle()
    client.binaryType = "arraybuffer"
    client.binaryType = "nonsense" as "blob"
    expect(client.binaryType).toBe("arraybuffer")
    socket.send(Uint8Array.of(3, 4))
    await settle()
    expect(got[0]).toBeInstanceOf(Blob)
    expect(new Uint8Array(await (got[0] as Blob).arrayBuffer())).toEqual(Uint8Array.of(1, 2))
    expect(got[1]).toBeInstanceOf(ArrayBuffer)
    expect(new Uint8Array(got[1] as ArrayBuffer)).toEqual(Uint8Array.of(3, 4))
  })

  it("calls no listener after close was called", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket, log } = await open()
    socket.send("on its way")
    client.close()
    await settle()
    expect(log).toEqual(["open", "close 1005 clean"])
  })
})

describe("close", () => {
  it.each([0, 999, 1001, 1006, 2999, 5000, Number.NaN, -1])(
    "refuses the code %d with InvalidAccessError",
    async (code) => {
      const { open } = await createSocketDuo()
      const { client } = await open()
      expect(thrown(() => client.close(code))).toBe("InvalidAccessError")
      expect(client.readyState).toBe(1)
    },
  )

  it("refuses a reason of more than 123 bytes of UTF-8 with SyntaxError, also while connecting", async () => {
    const { WebSocket, open } = await createSocketDuo()
    const { client } = await open()
    expect(thrown(() => client.close(1000, "ä".repeat(62)))).toBe("SyntaxError")
    expect(thrown(() => new WebSocket("ws://host/").close(1000, "a".repeat(124)))).toBe("SyntaxError")
    expect(thrown(() => client.close(1000, `${"ä".repeat(61)}a`))).toBe("nothing")
  })

  it.each<[args: Parameters<WebSocket["close"]>, code: number, reason: string]>([
    [[], 1005, ""],
    [[undefined, undefined], 1005, ""],
    [[1000], 1000, ""],
    [[3000, "why"], 3000, "why"],
    [[4999, "\ud800"], 4999, "\ufffd"],
    [[undefined, "why"], 1000, "why"],
  ])("called with %j gives both ends code and reason", async (args, code, reason) => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const heard: unknown[] = []
    socket.on("close", (...given) => heard.push(given[0], String(given[1])))
    const closes: CloseEvent[] = []
    client.onclose = (event) => closes.push(event)
    client.close(...args)
    expect(client.readyState).toBe(2)
    await settle()
    expect(heard).toEqual([code, reason])
    expect(closes).toHaveLength(1)
    expect(closes[0]).toMatchObject({ type: "close", code, reason, wasClean: true })
    expect([client.readyState, socket.readyState]).toEqual([3, 3])
  })

  it("does nothing when called again", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, log } = await open()
    client.close(3001, "first")
    client.close(3002, "second")
    await settle()
    client.close(3003, "third")
    await settle()
    expect(log).toEqual(["open", "close 3001 first clean"])
  })

  it("comes after everything that was sent, Blobs too", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: string[] = []
    socket.on("message", (data) => got.push(String(data)))
    socket.on("close", () => got.push("close"))
    client.send(new Blob(["blob"]))
    client.send("text")
    client.close()
    for (let turn = 0; turn < 5; turn++) await new Blob(["x"]).arrayBuffer()
    await settle()
    expect(got).toEqual(["blob", "text", "close"])
  })
})

describe("listeners", () => {
  it("set as an attribute keep their place when they are replaced, and null removes them", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const heard: string[] = []
    client.onmessage = () => heard.push("attribute")
    client.addEventListener("message", () => heard.push("added"))
    client.onmessage = () => heard.push("replaced")
    socket.send("1")
    await settle()
    client.onmessage = null
    expect(client.onmessage).toBeNull()
    socket.send("2")
    await settle()
    client.onmessage = "no function" as unknown as null
    expect(client.onmessage).toBeNull()
    expect(heard).toEqual(["replaced", "added", "added"])
  })
})
