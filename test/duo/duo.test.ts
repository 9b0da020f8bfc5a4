import { createDuo, type Duo, expectDelivered } from "everwire/testing"
import { describe, expect, it } from "vitest"

interface Chat {
  up: { say: { text: string } }
  down: { said: { from: string; text: string } }
  requests: { history(data: { last: number }): string[] }
}

/** A chat whose hub stores the messages, and a page that shows them. */
async function chat(): Promise<{ duo: Duo<Chat>; shown: string[] }> {
  const lines: string[] = []
  const duo = await createDuo<Chat>({
    serve: (hub) => {
      hub.on("say", ({ text }, peer) => {
        lines.push(text)
        hub.send("said", { from: peer.id, text })
      })
      hub.handle("history", async ({ last }) => lines.slice(-last))
    },
    channel: { resend: true },
  })
  const shown: string[] = []
  duo.channel.on("said", ({ text }) => shown.push(text))
  return { duo, shown }
}

describe("a duo", () => {
  it("is open when createDuo resolves, without any real time", async () => {
    const { duo } = await chat()
    expect([duo.channel.status, duo.channel.transport, duo.peer.connected]).toEqual(["open", "websocket", true])
    expect(duo.peer.id).toBe(duo.channel.peerId)
  })

  it("waits for credentials that take time, and says why when they are refused", async () => {
    const later = async <Value>(value: Value): Promise<Value> => value
    const options = (token: string): Parameters<typeof createDuo>[0] => ({
      hub: { authenticate: ({ auth }) => later(auth === "secret" ? { id: "ann" } : null) },
      channel: { auth: () => later(token) },
    })
    const { peer } = await createDuo(options("secret"))
    expect(peer.principal).toEqual({ id: "ann" })
    await expect(createDuo(options("guess"))).rejects.toThrow(
      "it is closed, nothing is connected: the credentials were",
    )
  })

  it("answers requests, through handlers that await", async () => {
    const { duo } = await chat()
    duo.channel.send("say", { text: "hi" })
    const history = duo.channel.request("history", { last: 5 })
    await expectDelivered(duo)
    expect(await history).toEqual(["hi"])
  })

  it("falls back, returns to the better transport and takes options for both ends", async () => {
    const duo = await createDuo({ transports: ["websocket", "sse"], channel: { reprobeMs: [1_000] }, latencyMs: 50 })
    duo.network.block("websocket")
    duo.network.cut()
    expect(await duo.runtime.passUntil(() => duo.channel.transport === "sse", 5_000)).toBe(true)
    duo.network.unblock("websocket")
    expect(await duo.runtime.passUntil(() => duo.channel.transport === "websocket", 5_000)).toBe(true)
  })

  it("can close, crash and restart its hub, with the same handlers", async () => {
    const { duo, shown } = await chat()
    const { hub } = duo
    await duo.closeHub()
    expect(() => duo.startHub()).not.toThrow()
    expect(duo.hub).not.toBe(hub)
    duo.channel.send("say", { text: "after a deploy" })
    await expectDelivered(duo, { withinMs: 30_000 })
    duo.crashHub()
    duo.startHub()
    expect(() => duo.peer).toThrow("the hub has no peer of the channel")
    duo.channel.send("say", { text: "after a crash" })
    await expectDelivered(duo, { withinMs: 30_000 })
    expect(shown).toEqual(["after a deploy", "after a crash"])
  })

  it("gives a hub that closes the time to send its last messages", async () => {
    const { duo, shown } = await chat()
    duo.hub.send("said", { from: "hub", text: "farewell" })
    await duo.closeHub({ drainMs: 5_000 })
    expect(shown).toEqual(["farewell"])
  })
})

describe("expectDelivered", () => {
  it("waits until both ends have heard all messages", async () => {
    const { duo, shown } = await chat()
    duo.network.freeze()
    duo.channel.send("say", { text: "held" })
    await duo.runtime.pass(100)
    expect(shown).toEqual([])
    duo.network.thaw()
    await expectDelivered(duo)
    expect(shown).toEqual(["held"])
  })

  it("says which messages are missing, and what happened, when it takes too long", async () => {
    const { duo } = await chat()
    for (const name of ["websocket", "sse", "long-poll", "short-poll"]) duo.network.block(name)
    duo.network.cut()
    duo.channel.send("say", { text: "never" })
    const failure = expectDelivered(duo, { withinMs: 3_000 })
    await expect(failure).rejects.toThrow(/^not delivered within 3000 ms of virtual time\nthe channel is reconnecting/)
    await expect(failure).rejects.toThrow(/not acknowledged 1 of the 1 packets[\s\S]*refused the dial/)
  })

  it("reports the error that a handler threw", async () => {
    const duo = await createDuo()
    duo.hub.on("bad", () => {
      throw new Error("the handler is broken")
    })
    duo.channel.send("bad")
    await expect(expectDelivered(duo)).rejects.toThrow("the handler is broken")
  })
})
