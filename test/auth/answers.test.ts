import { createHub, type Hub, type Principal } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import type { Link, LinkSink } from "../../src/session/link.ts"
import { decodeBatch } from "../../src/wire/batch.ts"
import { MINUTE } from "./expiring.ts"

const ID = "raw-session-000000000001"
const KEY = "key-of-raw-session-00001"

/** A link on which the test says what it likes. */
interface Raw {
  /** Packets that came down. */
  readonly said: string[]
  /** The code of the last bye on it. */
  readonly bye: () => string | undefined
  send(...packets: string[]): void
  /** Ends the link as a network does. */
  cut(): void
  /** Says a hello whose token lasts for two minutes. */
  hello(fields?: Record<string, unknown>): void
}

interface Rig {
  readonly runtime: VirtualRuntime
  readonly judged: unknown[]
  readonly refused: string[]
  readonly errors: unknown[]
  readonly hub: Hub
  link(): Raw
  /** Passes time until the hub has asked on this link. Returns the question. */
  asked(link: Raw): string
  token(): Principal
}

function rig(authenticate?: (auth: unknown) => Principal | null | PromiseLike<Principal | null>): Rig {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, address: "203.0.113.7" })
  const [judged, refused, errors]: [unknown[], string[], unknown[]] = [[], [], []]
  const hub = createHub({
    runtime,
    authenticate({ auth }) {
      judged.push(auth)
      return authenticate === undefined ? (auth as Principal) : authenticate(auth)
    },
    transports: [network.acceptor("wire")],
  })
  hub.onRefused(({ code }) => refused.push(code))
  hub.onError((error) => errors.push(error))
  const token = (): Principal => ({ id: "ann", expiresAt: runtime.now() + 2 * MINUTE })
  return {
    ...{ runtime, judged, refused, errors, hub, token },
    link() {
      const said: string[] = []
      const sink: LinkSink = {
        batch: (batch) => said.push(...decodeBatch(batch).map(String)),
        closed() {},
        writable() {},
      }
      const link: Link = network
        .dialer("wire")
        .dial(
          { url: "http://hub", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} },
          sink,
        )
      const send = (...packets: string[]): void => {
        link.send(packets.join("\n"))
        runtime.advance(50)
      }
      return {
        said,
        send,
        cut: () => link.close({ code: "network", reason: "cut", retryable: true }),
        bye: () => /^b\{"code":"([\w-]+)"/.exec(said.findLast((packet) => packet.startsWith("b")) ?? "")?.[1],
        hello(fields = {}) {
          const hello = { v: 1, id: ID, key: KEY, heard: 0, acked: 0, turn: 1, holder: ID, features: ["auth-refresh"] }
          send(`h${JSON.stringify({ ...hello, auth: token(), ...fields })}`)
        },
      }
    },
    asked(link) {
      const before = link.said.length
      const question = (): string | undefined => link.said.slice(before).find((packet) => packet.startsWith("u"))
      for (let passed = 0; question() === undefined && passed < 3 * MINUTE; passed += 1_000) {
        runtime.advance(1_000)
        if (passed % 10_000 === 0) link.send("p0") // the link must not fall silent
      }
      return question() ?? expect.unreachable("the hub did not ask")
    },
  }
}

const withAuth = (question: string, auth: unknown): string => `${question}\t${JSON.stringify({ auth })}`

/** A hub that has asked on a link. */
function askedRig(authenticate?: Parameters<typeof rig>[0]): Rig & { one: Raw; question: string } {
  const all = rig(authenticate)
  const one = all.link()
  one.hello()
  return { ...all, one, question: all.asked(one) }
}

describe("credentials on a link that works", () => {
  it("are judged when the hub has asked for them, and the link goes on", () => {
    const { one, question, token, judged, hub, runtime } = askedRig()
    expect(question).toBe("u1")
    const fresh = { ...token(), role: "admin" }
    one.send(withAuth(question, fresh))
    expect(judged).toHaveLength(2)
    expect([...hub.peers.values()][0]?.principal).toEqual(fresh)
    expect(one.bye()).toBeUndefined()
    expect(runtime.reported).toEqual([])
  })

  it.each<[string, (question: string) => string[]]>([["without a question", () => [withAuth("u1", 1)]]])(
    "end the link %s",
    (_, packets) => {
      const { link, judged, refused } = rig()
      const one = link()
      one.hello()
      one.send(...packets("u1"))
      expect(one.bye()).toBe("protocol-error")
      expect(judged).toHaveLength(1)
      expect(refused).toEqual(["protocol-error"])
    },
  )

  it("end the link of a peer whose principal does not expire, and that was never asked", () => {
    const { link, refused } = rig(() => ({ id: "ann" }))
    const one = link()
    one.hello()
    one.send(withAuth("u1", 1))
    expect([one.bye(), refused]).toEqual(["protocol-error", ["protocol-error"]])
  })

  it.each<[string, (question: string) => string]>([
    ["the number of a question to come", () => withAuth("u2", 1)],
    ["no number", () => withAuth("u", 1)],
    ["a number that is none", () => withAuth("u1.0", 1)],
    ["a negative number", () => withAuth("u-1", 1)],
    ["a huge number", () => withAuth("u99999999999999999999", 1)],
    ["no credentials", (question) => question],
    ["nothing behind the number", (question) => `${question}\t`],
    ["what is no JSON", (question) => `${question}\t{`],
    ["JSON that is no object", (question) => `${question}\t"token"`],
    ["null", (question) => `${question}\tnull`],
    ["more than 16 KiB", (question) => withAuth(question, "x".repeat(16_384))],
  ])("with %s end the link, are not judged, and the session waits for the next", (_, answer) => {
    const { one, question, judged, refused, hub, link, token } = askedRig()
    one.send(answer(question))
    expect(one.bye()).toBe("protocol-error")
    expect([judged.length, refused]).toEqual([1, ["protocol-error"]])
    const two = link()
    two.hello({ turn: 2, hub: hub.id, auth: token() })
    expect(two.said[0]).toContain('"resumed":true')
    expect(hub.peers.size).toBe(1)
  })

  it("of almost 16 KiB are judged", () => {
    const { one, question, judged } = askedRig((auth) => (auth as { token: Principal }).token ?? auth)
    one.send(withAuth(question, { token: { id: "ann" }, more: "x".repeat(16_000) }))
    expect(judged).toHaveLength(2)
    expect(one.bye()).toBeUndefined()
  })

  it("that come twice end the link; the second are not judged", () => {
    const { one, question, token, judged } = askedRig()
    const answer = withAuth(question, token())
    one.send(answer, answer)
    expect(one.bye()).toBe("protocol-error")
    expect(judged).toHaveLength(2)
  })

  it("that come twice while the first are judged end the link; the first may still count", () => {
    let calls = 0
    const { one, question, token, judged } = askedRig((auth) =>
      ++calls > 1 ? new Promise(() => {}) : (auth as Principal),
    )
    const answer = withAuth(question, token())
    one.send(answer)
    one.send(answer)
    expect(one.bye()).toBe("protocol-error")
    expect(judged).toHaveLength(2)
  })

  it("that come on and on are heard once: the flood ends with its link", () => {
    const { one, question, token, judged, refused } = askedRig()
    const answer = withAuth(question, token())
    one.send(...Array.from({ length: 100 }, () => answer))
    expect(judged).toHaveLength(2)
    expect(refused).toEqual(["protocol-error"])
  })

  it("on an old link are ignored when the hello of a new one has settled the question", () => {
    const { one, question, link, hub, judged, token } = askedRig()
    const two = link()
    two.hello({ turn: 0, hub: hub.id })
    const { principal } = [...hub.peers.values()][0] ?? {}
    one.send(withAuth(question, { ...token(), role: "admin" }))
    expect([one.bye(), two.bye()]).toEqual([undefined, undefined])
    expect(judged).toHaveLength(2)
    expect([...hub.peers.values()][0]?.principal).toBe(principal)
  })

  it("are wanted anew when a link is taken that was welcomed before the question; an answer to the old one is ignored", () => {
    const { runtime, token, judged, hub, link, asked } = rig()
    const one = link()
    const two = link()
    one.hello()
    two.hello({ turn: 0, hub: hub.id, auth: { id: "ann", expiresAt: runtime.now() + 12_000 } })
    expect(asked(one)).toBe("u1")
    two.send('t{"turn":2,"heard":0}')
    expect(two.said.at(-1)).toBe("u2")
    one.send(withAuth("u1", token()))
    expect([one.bye(), judged.length]).toEqual([undefined, 2])
    two.send(withAuth("u2", token()))
    expect([two.bye(), judged.length]).toEqual([undefined, 3])
    runtime.advance(15_000)
    expect(two.bye()).toBeUndefined()
  })

  it("cannot be avoided by taking another link when the time is over", () => {
    const { runtime, hub, link, asked } = rig()
    const [one, two] = [link(), link()]
    one.hello()
    const expiresAt = runtime.now() + 10_000
    two.hello({ turn: 0, hub: hub.id, auth: { id: "ann", expiresAt } })
    asked(one)
    const three = link() // it is welcomed before the end, and stays as a spare behind it
    three.hello({ turn: 0, hub: hub.id, auth: { id: "ann", expiresAt } })
    runtime.advance(12_500)
    expect([one.bye(), two.bye(), three.bye()]).toEqual(["auth-expired", undefined, "auth-expired"])
    three.send('t{"turn":9,"heard":0}')
    expect([...hub.peers.values()][0]?.connected).toBe(false)
  })

  it("cannot be avoided by taking a link when the time was over while there was none", () => {
    const { runtime, hub, link, asked } = rig()
    const [one, two] = [link(), link()]
    one.hello()
    two.hello({ turn: 0, hub: hub.id, auth: { id: "ann", expiresAt: runtime.now() + 1_500 } })
    asked(one)
    one.cut()
    runtime.advance(11_000)
    const peer = [...hub.peers.values()][0]
    expect([two.bye(), peer?.closed]).toEqual([undefined, false])
    two.send('t{"turn":2,"heard":0}')
    expect([two.bye(), peer?.connected]).toEqual(["auth-expired", false])
  })

  it("are asked for when the session had no link at the time, and a spare is taken", () => {
    const { runtime, hub, link } = rig()
    const two = link()
    two.hello({ turn: 0, auth: { id: "ann", expiresAt: runtime.now() + 12_000 } })
    runtime.advance(11_000)
    expect(two.said.filter((packet) => packet.startsWith("u"))).toEqual([])
    two.send('t{"turn":1,"heard":0}')
    expect(two.said.at(-1)).toBe("u1")
    expect(hub.peers.size).toBe(1)
  })
})
