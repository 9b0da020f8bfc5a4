import { EverwireError } from "everwire"
import type { Peer, PermitQuestion } from "everwire/server"
import { createHub } from "everwire/server"
import { createDuo, type Duo, type DuoOptions } from "everwire/testing"
import { describe, expect, it } from "vitest"

interface Line {
  readonly duo: Duo
  readonly heard: unknown[]
  readonly refused: string[]
  readonly errors: unknown[]
}

/** A duo whose hub hears "say" twice and answers "ask". */
async function start(hub: DuoOptions["hub"]): Promise<Line> {
  const [heard, refused, errors]: [unknown[], string[], unknown[]] = [[], [], []]
  const duo = await createDuo({
    transports: ["websocket"],
    hub: { authenticate: ({ auth }) => ({ id: String(auth) }), ...hub },
    channel: { auth: () => "ann" },
    serve(hub) {
      hub.on("say", (data) => void heard.push(data))
      hub.on("say", (data) => void heard.push(data))
      hub.handle("ask", (data) => heard.push(data))
      hub.onRefused(({ code, stage, reason }) => refused.push(`${code} ${stage} ${reason}`))
      hub.onError((error) => errors.push(error))
    },
  })
  return { duo, heard, refused, errors }
}

/** The code with which a request fails, or its answer. */
async function ask({ duo }: Line, name = "ask"): Promise<unknown> {
  let settled: unknown
  void duo.channel.request(name, 1).then(
    (answer) => {
      settled = answer
    },
    (error: unknown) => {
      settled = error
    },
  )
  await duo.runtime.passUntil(() => settled !== undefined, 20_000)
  return settled instanceof EverwireError ? settled.code : settled
}

describe("permit", () => {
  it("judges each message and request once, with its peer, before the handlers", async () => {
    const questions: PermitQuestion[] = []
    const line = await start({
      permit(question) {
        questions.push(question)
        return question.name !== "say" || question.data !== "no"
      },
    })
    const { duo, heard, refused } = line
    duo.channel.send("say", "no")
    duo.channel.send("say", "yes")
    expect(await ask(line)).toBe(3)
    expect(heard).toEqual(["yes", "yes", 1])
    expect(questions).toEqual([
      { peer: duo.peer, kind: "message", name: "say", data: "no" },
      { peer: duo.peer, kind: "message", name: "say", data: "yes" },
      { peer: duo.peer, kind: "request", name: "ask", data: 1 },
    ])
    expect(questions[0]?.peer.principal.id).toBe("ann")
    expect(refused).toEqual(['forbidden session this peer may not send the message "say"'])
    expect(duo.hub.stats().refused).toEqual({ forbidden: 1 })
    expect(duo.channel.bufferedBytes === 0 || duo.channel.status === "open").toBe(true)
  })

  it("that refuses a request fails it with forbidden, whether or not something handles it", async () => {
    const line = await start({ permit: () => false })
    expect(await ask(line)).toBe("forbidden")
    expect(await ask(line, "unheard-of")).toBe("forbidden")
    expect(line.heard).toEqual([])
    expect(line.duo.hub.stats().refused).toEqual({ forbidden: 2 })
    expect(line.duo.channel.status).toBe("open")
  })

  it.each<[string, () => unknown, string, unknown[]]>([
    ["throws", () => raise(new Error("no table")), "Error: no table", ["Error: no table"]],
    ["returns a promise of true", async () => true, "a promise", []],
    ["returns a promise that rejects", () => Promise.reject(new Error("later")), "a promise", ["Error: later"]],
    ["returns nothing", () => undefined, "undefined", []],
    ["returns what is only true in a condition", () => 1, "number", []],
  ])("that %s refuses, and is reported", async (_, permit, first, more) => {
    const line = await start({ permit: permit as () => boolean })
    line.duo.channel.send("say", 1)
    await line.duo.runtime.pass(1_000)
    expect(line.heard).toEqual([])
    expect(line.duo.hub.stats().refused).toEqual({ forbidden: 1 })
    const told = line.errors.map(String)
    expect(told[0]).toContain(first)
    expect(told.slice(1).concat(first.startsWith("Error") ? (told[0] ?? "") : [])).toEqual(more)
    expect(await ask(line)).toBe("forbidden")
  })

  it("sees the principal as it was judged last", async () => {
    let role = "guest"
    const line = await start({
      authenticate: () => ({ id: "ann", role }),
      permit: ({ peer }) => (peer.principal as { id: string; role?: string }).role === "writer",
    })
    expect(await ask(line)).toBe("forbidden")
    role = "writer"
    line.duo.network.cut()
    expect(await ask(line)).toBe(1)
  })

  it("refuses what is no function", () => {
    expect(() => createHub({ permit: true as unknown as () => boolean })).toThrow("permit wants function")
    expect(() => createHub({ permitJoin: {} as unknown as () => boolean })).toThrow("permitJoin wants function")
  })
})

function raise(error: Error): never {
  throw error
}

describe("permitJoin", () => {
  it("lets a peer into the rooms that it permits; join throws for others, and the peer is not in them", async () => {
    const asked: unknown[] = []
    const { duo, errors } = await start({
      permitJoin({ peer, room }) {
        asked.push([peer, room])
        return room === `user:${peer.principal.id}`
      },
    })
    const { peer, hub, channel, runtime } = duo
    const got: unknown[] = []
    channel.on("news", (data) => void got.push(data))
    peer.join("user:ann")
    peer.join("user:ann")
    expect(() => peer.join("user:bob")).toThrow(expect.objectContaining({ code: "forbidden" }))
    expect([...peer.rooms]).toEqual(["user:ann"])
    hub.to("user:ann").send("news", 1)
    hub.to("user:bob").send("news", 2)
    await runtime.pass(1_000)
    expect(got).toEqual([1])
    expect(asked).toEqual([
      [peer, "user:ann"],
      [peer, "user:bob"],
    ])
    expect(errors).toEqual([])
  })

  it.each<[string, () => unknown]>([
    ["throws", () => raise(new Error("no table"))],
    ["returns a promise of true", async () => true],
    ["returns nothing", () => undefined],
  ])("that %s refuses, and is reported with the peer", async (_, permitJoin) => {
    const { duo } = await start({ permitJoin: permitJoin as () => boolean })
    const told: [string, Peer | undefined][] = []
    duo.hub.onError((_error, { stage, peer }) => told.push([stage, peer]))
    expect(() => duo.peer.join("x")).toThrow(expect.objectContaining({ code: "forbidden" }))
    expect(duo.peer.rooms.size).toBe(0)
    expect(told).toEqual([["hub", duo.peer]])
  })

  it("that closes the peer leaves it in no room", async () => {
    const { duo } = await start({
      permitJoin({ peer }) {
        peer.close()
        return true
      },
    })
    const { peer } = duo
    peer.join("x")
    expect(peer.rooms.size).toBe(0)
  })
})
