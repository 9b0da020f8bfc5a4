import type { Batch, Closing, Link } from "everwire"
import { type Acceptor, createHub, type Door, type Hub, type WebHubOptions } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { HubSession } from "../../src/server/sessions/hub-session.ts"
import { Registry } from "../../src/server/sessions/registry.ts"

const ID = "session-of-the-directory"
const KEY = "the-key-of-the-directory"

type Found = HubSession | undefined

/** Lookups in the session directory that wait for an answer, the oldest first. */
let asked: { answer(found?: Found): void; fail(error: Error): void }[] = []

beforeEach(() => {
  asked = []
  vi.spyOn(Registry.prototype, "find").mockImplementation(
    () => new Promise<Found>((answer, fail) => asked.push({ answer, fail })),
  )
})
afterEach(() => void vi.restoreAllMocks())

/** Runs the callbacks of settled promises. */
const settled = async (): Promise<void> => {
  for (let n = 0; n < 10; n++) await Promise.resolve()
}

interface Seat {
  readonly hub: Hub
  /** What the hub's application was told, in order. */
  readonly noticed: string[]
  /** Advances virtual time and runs the callbacks of settled promises. */
  pass(ms: number): Promise<void>
  /**
   * Opens a link that sends a hello with this turn, and `behind` after it. Returns the link and the batches from the
   * hub. The hello leaves `afterMs` after the link was opened.
   */
  greet(turn: number, behind?: string, afterMs?: number): { link: Link; batches: string[] }
}

function createSeat(options: WebHubOptions = {}, ...own: Acceptor[]): Seat {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, latencyMs: 10 })
  const noticed: string[] = []
  const hub = createHub({ runtime, transports: [network.acceptor("websocket"), ...own], ...options })
  hub.onPeer(() => void noticed.push("peer"))
  hub.on("n", (data) => void noticed.push(String(data)))
  hub.onError((error) => void noticed.push(String(error)))
  hub.onRefused(({ code, stage }) => void noticed.push(`${stage}: ${code}`))
  const target = { url: "http://hub", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} }
  return {
    hub,
    noticed,
    async pass(ms) {
      runtime.advance(ms)
      await settled()
      runtime.advance(20)
    },
    greet(turn, behind = "", afterMs = 0) {
      const batches: string[] = []
      const sink = {
        batch: (batch: Batch) => void batches.push(String(batch)),
        closed: (why: Closing) => void batches.push(`closed: ${why.code}`),
        writable() {},
      }
      const link = network.dialer("websocket").dial(target, sink)
      const hello = {
        v: 1,
        id: ID,
        key: KEY,
        heard: 0,
        acked: 0,
        holder: "one-holder-of-22",
      }
      const greeting = `h${JSON.stringify({ ...hello, turn })}${behind}`
      if (afterMs === 0) link.send(greeting)
      else runtime.after(afterMs, () => link.send(greeting))
      return { link, batches }
    },
  }
}

const welcomes = (batches: readonly string[]): unknown[] =>
  batches
    .filter((batch) => batch.startsWith("w"))
    .map((batch) => (JSON.parse(batch.slice(1)) as { resumed: boolean }).resumed)

describe("a directory of sessions that answers asynchronously", () => {
  it("admits a hello once, and all packets that arrived meanwhile are heard in order", async () => {
    const { greet, pass, noticed } = createSeat()
    const { link, batches } = greet(1, "\nn1\nmn\t1\nmn\t2")
    await pass(100)
    link.send("mn\t3")
    await pass(100)
    expect([asked.length, batches, noticed]).toEqual([1, [], []])
    asked[0]?.answer()
    await pass(0)
    link.send("mn\t4")
    await pass(100)
    expect(noticed).toEqual(["peer", "1", "2", "3", "4"])
    expect(welcomes(batches)).toEqual([false])
  })

  it("is asked again after authenticate has answered, and not before", async () => {
    const { greet, pass, noticed } = createSeat({ authenticate: async () => ({ id: "ann" }) })
    greet(1)
    await pass(100)
    expect([asked.length, noticed]).toEqual([1, []])
    asked[0]?.answer()
    await pass(0)
    expect(noticed).toEqual(["peer"])
  })

  it("begins one session for two links that both asked before an answer came", async () => {
    const { hub, greet, pass, noticed } = createSeat()
    const [one, two] = [greet(1, "\nn1\nmn\t1"), greet(2, "\nn1\nmn\t1\nmn\t2")]
    await pass(100)
    expect(asked).toHaveLength(2)
    for (const { answer } of asked) answer()
    await pass(100)
    expect(hub.peers.size).toBe(1)
    expect(noticed).toEqual(["peer", "1", "2"])
    expect([welcomes(one.batches), welcomes(two.batches)]).toEqual([[false], [true]])
  })

  it("does not bring back a session that has ended before the answer came", async () => {
    const { hub, greet, pass, noticed } = createSeat()
    greet(1)
    await pass(100)
    asked[0]?.answer()
    await pass(100)
    const find = vi.mocked(Registry.prototype.find)
    const registry = find.mock.contexts[0] as Registry
    const found = registry.get(ID)
    const late = greet(2)
    await pass(100)
    for (const peer of hub.peers.values()) peer.close()
    asked[1]?.answer(found)
    await pass(100)
    expect(late.batches.join()).toContain("closed-by-peer")
    expect(noticed).toEqual(["peer", "hello: closed-by-peer"])
    expect(hub.peers.size).toBe(0)
  })

  it("admits no channel whose link was lost meanwhile", async () => {
    const { hub, greet, pass, noticed } = createSeat()
    const { link } = greet(1)
    await pass(100)
    link.close({ code: "closed", reason: "", retryable: false })
    await pass(100)
    asked[0]?.answer()
    await pass(100)
    expect([hub.peers.size, noticed]).toEqual([0, []])
  })

  it("refuses the link with a retryable code when it fails", async () => {
    const { greet, pass, noticed } = createSeat()
    const { batches } = greet(1)
    await pass(100)
    asked[0]?.fail(new Error("no such table"))
    await pass(100)
    expect(noticed).toEqual(["Error: no such table", "hello: protocol-error"])
    expect(batches[0]).toContain('"retryable":true')
  })

  it("is named in the error when it has not answered in time", async () => {
    const { greet, pass, noticed } = createSeat()
    greet(1)
    await pass(6_000)
    expect(noticed).toEqual([
      "EverwireError: the directory of sessions did not answer within 5000 ms",
      "hello: hello-timeout",
    ])
    asked[0]?.answer()
    await pass(100)
    expect(noticed).toHaveLength(2)
  })

  it("has the whole time for its answer when the hello came late", async () => {
    const { hub, greet, pass, noticed } = createSeat()
    greet(1, "", 4_900)
    await pass(4_950)
    await pass(4_000)
    asked[0]?.answer()
    await pass(100)
    expect([hub.peers.size, noticed]).toEqual([1, ["peer"]])
    await hub.close()
  })

  it("is asked for the session of a bye beside the links", async () => {
    let door: Door | undefined
    const own: Acceptor = {
      name: "own",
      open(given) {
        door = given
        return {}
      },
    }
    const { hub, greet, pass } = createSeat({}, own)
    greet(1)
    await pass(100)
    asked[0]?.answer()
    await pass(100)
    const bye = { code: "closed", reason: "", retryable: false, id: ID, key: KEY, said: 0 }
    expect(door?.leave?.(`b${JSON.stringify(bye)}`)).toBeUndefined()
    await pass(100)
    expect(hub.peers.size).toBe(1)
    asked[1]?.answer()
    await pass(100)
    expect(hub.peers.size).toBe(0)
  })
})
