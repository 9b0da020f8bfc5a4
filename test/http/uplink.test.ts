import {
  type Dialer,
  type FetchAnswer,
  type FetchInit,
  type Link,
  longPoll,
  type Platform,
  shortPoll,
  sse,
} from "everwire"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { decodeBody } from "../../src/transports/http/envelope.ts"
import { decodeBatch, encodeBatch } from "../../src/wire/batch.ts"

/** One POST of the dialer, which the test answers. */
interface Request {
  readonly up: number | undefined
  readonly poll: number | undefined
  readonly closes: boolean
  readonly packets: readonly (string | Uint8Array)[]
  /** Whether the dialer has aborted it. */
  readonly gaveUp: boolean
  /** Sends a complete answer. */
  answer(batch?: string, fields?: object): Promise<void>
  /** Answers with a status other than 200. */
  refuse(status: number, body?: string): Promise<void>
  /** Begins an answer whose body comes in pieces. */
  begin(
    piece?: string,
  ): Promise<{ piece(text: string): Promise<void>; end(): Promise<void>; breakOff(): Promise<void> }>
}

interface World {
  readonly runtime: VirtualRuntime
  readonly link: Link
  readonly requests: Request[]
  /** The calls of the link's sink: batches, `moved`, acks, writable, and the code of the closing. */
  readonly told: string[]
  /** The hold times that the dialer learned to be too long. */
  readonly learned: readonly number[]
  /** The latest request that carries this upload. */
  upload(up: number): Request
  /** Numbers of the uploads so far, without the hello. */
  uploads(): number[]
}

const LINK = "the-link"

async function dial(dialer: Dialer, heard = (_batch: string, _link: Link): void => {}): Promise<World> {
  const runtime = createVirtualRuntime()
  const told: string[] = []
  const learned: number[] = []
  const requests: Request[] = []
  const platform: Platform = {
    fetch: (_url, init) => new Promise((resolve, reject) => requests.push(requestOf(init, runtime, resolve, reject))),
    openStream: () => ({ onmessage: null, onerror: null, close() {} }),
  }
  const link: Link = dialer.dial(
    {
      url: "http://hub.test/everwire",
      runtime,
      platform,
      withCredentials: false,
      holdMs: 20_000,
      learnHold: (holdMs) => void learned.push(holdMs),
    },
    {
      batch(batch) {
        told.push(String(batch))
        heard(String(batch), link)
      },
      closed: ({ code }) => void told.push(code),
      writable: () => void told.push("writable"),
      acknowledged: (batch) => void told.push(`ack ${batch}`),
      moved: () => void told.push("moved"),
    },
  )
  link.send("hello")
  await runtime.pass(0)
  await requests[0]?.answer(dialer.name === "sse" ? undefined : "welcome", { ticket: "t" })
  const uploads = (): number[] => requests.flatMap(({ up }) => (up === undefined || up === 1 ? [] : [up]))
  return {
    runtime,
    link,
    requests,
    told,
    learned,
    uploads,
    upload: (up) => requests.findLast((request) => request.up === up) ?? expect.unreachable(`upload ${up}`),
  }
}

/** Dials, and has an upload of 10 kB answered, so that further uploads up to that size may be sent in parallel. */
async function dialAndPass(dialer: Dialer): Promise<World> {
  const world = await dial(dialer)
  world.link.send(message(10_000))
  await world.runtime.pass(0)
  await world.upload(2).answer()
  return world
}

function requestOf(
  init: FetchInit,
  runtime: VirtualRuntime,
  resolve: (answer: FetchAnswer) => void,
  reject: (error: unknown) => void,
): Request {
  const body = init.body ?? init.headers["everwire"] ?? ""
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
  const { envelope, batch } = decodeBody(bytes, init.headers["content-type"] ?? "")
  const { up, poll } = envelope
  let gaveUp = false
  init.signal?.addEventListener("abort", () => {
    gaveUp = true
    reject(init.signal?.reason)
  })
  const headers = { get: (name: string) => (name === "content-type" ? "text/plain" : null) }
  const respond = (status: number, text: string): Promise<void> => {
    resolve({ status, headers, arrayBuffer: async () => new TextEncoder().encode(text).buffer })
    return runtime.pass(0)
  }
  const head = (fields: object = {}): string => `@${JSON.stringify({ link: LINK, hub: "hub", up, poll, ...fields })}`
  return {
    up,
    poll,
    closes: envelope.close !== undefined,
    packets: batch === undefined ? [] : decodeBatch(batch),
    get gaveUp() {
      return gaveUp
    },
    answer: (text, fields) => respond(200, text === undefined ? head(fields) : `${head(fields)}\n${text}`),
    refuse: (status, text = "no") => respond(status, text),
    async begin(first = head()) {
      let stream: ReadableStreamDefaultController<Uint8Array> | undefined
      const answerBody = new ReadableStream<Uint8Array>({
        start(controller) {
          stream = controller
        },
      })
      init.signal?.addEventListener("abort", () => stream?.error(init.signal?.reason))
      resolve({ status: 200, headers, body: answerBody, arrayBuffer: () => expect.unreachable() })
      const piece = (text: string): Promise<void> => {
        stream?.enqueue(new TextEncoder().encode(text))
        return runtime.pass(0)
      }
      if (first !== "") await piece(first)
      return {
        piece,
        end() {
          stream?.close()
          return runtime.pass(0)
        },
        breakOff() {
          stream?.error(new TypeError("the connection broke"))
          return runtime.pass(0)
        },
      }
    },
  }
}

/** Joins the parts among these packets; packets that are not parts stay as they are. */
function joined(packets: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  const whole: (string | Uint8Array)[] = []
  let open: Buffer[] = []
  for (const packet of packets) {
    const bytes = Buffer.from(packet as string) // The packet is text or bytes, and Buffer.from takes both.
    const kind = String.fromCharCode(bytes[0] ?? 0)
    if (kind !== "f" && kind !== "e") whole.push(packet)
    else open.push(bytes.subarray(1))
    if (kind !== "e") continue
    const all = Buffer.concat(open)
    whole.push(typeof packet === "string" ? all.toString() : new Uint8Array(all))
    open = []
  }
  return whole
}

function message(size: number, mark = "x"): string {
  return `mx\t"${mark.repeat(size - 5)}"`
}

describe.each([sse, longPoll])("an upload over $name", (dialer) => {
  it("is sent in parallel with two others, and the fourth waits until the oldest is answered", async () => {
    const { runtime, link, upload, uploads } = await dialAndPass(dialer)
    for (let n = 0; n < 5; n++) {
      link.send(message(n < 3 ? 9_000 : 4_500, String(n)))
      await runtime.pass(0)
    }
    expect(uploads()).toEqual([2, 3, 4, 5])
    await upload(5).answer()
    await upload(4).answer()
    expect(uploads()).toEqual([2, 3, 4, 5])
    await upload(3).answer()
    expect(uploads()).toEqual([2, 3, 4, 5, 6])
    const marks = [3, 4, 5, 6].flatMap((up) => upload(up).packets).map((packet) => String(packet).charAt(4))
    expect(marks).toEqual(["0", "1", "2", "3", "4"])
  })

  it("carries everything that was sent in the tick, and later small packets wait for its answer", async () => {
    const { runtime, link, upload, uploads } = await dial(dialer)
    for (const packet of ["m1\t", "m2\t"]) link.send(packet)
    await runtime.pass(0)
    for (const packet of ["m3\t", "m4\t"]) {
      link.send(packet)
      await runtime.pass(0)
    }
    expect(uploads()).toEqual([2])
    await upload(2).answer()
    expect(upload(2).packets).toEqual(["m1\t", "m2\t"])
    expect(upload(3).packets).toEqual(["m3\t", "m4\t"])
  })

  it("larger than any that has passed so far is sent alone", async () => {
    const { runtime, link, upload, uploads } = await dial(dialer)
    link.send(message(10_000))
    await runtime.pass(0)
    link.send(message(5_000))
    await runtime.pass(0)
    expect(uploads()).toEqual([2])
    await upload(2).answer()
    link.send(message(20_000))
    await runtime.pass(0)
    expect(uploads()).toEqual([2, 3])
    await upload(3).answer()
    expect(uploads()).toEqual([2, 3, 4])
    link.send(message(5_000))
    await runtime.pass(0)
    expect(uploads()).toEqual([2, 3, 4])
    await upload(4).answer()
    expect(uploads()).toEqual([2, 3, 4, 5])
  })

  it("that is answered 413 after others were sent ends the link: its second half would come too late", async () => {
    const { runtime, link, upload, told } = await dialAndPass(dialer)
    for (let n = 3; n < 5; n++) {
      link.send(message(9_000))
      await runtime.pass(0)
    }
    await upload(3).refuse(413)
    expect(told.at(-1)).toBe("too-large")
  })

  it("lets the session send more while another upload may be sent in parallel", async () => {
    const { runtime, link, upload, told } = await dial(dialer)
    const asked: (number | undefined)[] = [link.asked]
    for (const size of [10_000, 9_000, 8_000, 7_000]) {
      told.length = 0
      link.send(message(size))
      await runtime.pass(0)
      asked.push(link.asked)
      if (asked.length === 2) await upload(2).answer()
      expect(told.filter((what) => what === "writable")).toHaveLength(size > 7_000 ? 1 : 0)
    }
    expect(asked).toEqual([3, 0, 2, 1, 0])
  })

  it("lets the session send no more while a waiting upload has to be sent alone", async () => {
    const { runtime, link, upload, told } = await dial(dialer)
    for (const size of [10_000, 30_000]) {
      link.send(message(size))
      await runtime.pass(0)
    }
    told.length = 0
    expect(link.asked).toBe(0)
    await upload(2).answer()
    expect([link.asked, upload(3).packets.length]).toEqual([0, 1])
    await upload(3).answer()
    expect([link.asked, told.includes("writable")]).toEqual([3, true])
  })

  it("is overtaken by acks, in a request without a number, one at a time", async () => {
    const { runtime, link, upload, requests } = await dial(dialer)
    const acks = (): unknown[] =>
      requests.filter(({ up, poll }) => up === undefined && poll === undefined).map(({ packets }) => packets)
    link.send(message(10_000))
    await runtime.pass(0)
    for (const ack of ["a1", "a2", "a3"]) {
      link.send(ack)
      await runtime.pass(0)
    }
    expect(acks()).toEqual([["a1"]])
    await requests.findLast(({ packets }) => packets[0] === "a1")?.answer()
    expect(acks()).toEqual([["a1"], ["a2", "a3"]])
    expect(upload(2).packets).toHaveLength(1)
  })

  it("with the take packet is not overtaken by acks", async () => {
    const { runtime, link, upload, uploads } = await dial(dialer)
    link.send(message(10_000))
    await runtime.pass(0)
    for (const packet of ["t{}", "a1"]) link.send(packet)
    await runtime.pass(0)
    await upload(2).answer()
    expect([uploads(), upload(3).packets]).toEqual([
      [2, 3],
      ["t{}", "a1"],
    ])
    // The take was sent and is not yet answered, so the hub may not have heard it.
    link.send("a2")
    await runtime.pass(0)
    expect(upload(4).packets).toEqual(["a2"])
  })

  it("is repeated when its answer is lost, and later ones are not", async () => {
    const { runtime, link, upload, requests } = await dialAndPass(dialer)
    for (let n = 3; n < 6; n++) {
      link.send(message(9_000))
      await runtime.pass(0)
    }
    await upload(4).refuse(503)
    await runtime.pass(100)
    expect(requests.flatMap(({ up = 0 }) => (up > 2 ? [up] : []))).toEqual([3, 4, 5, 4])
  })

  it("that is refused ends the link, and the other uploads are aborted", async () => {
    const { runtime, link, upload, told } = await dialAndPass(dialer)
    for (let n = 3; n < 6; n++) {
      link.send(message(9_000))
      await runtime.pass(0)
    }
    await upload(4).refuse(403)
    expect(told.at(-1)).toBe("refused")
    expect([upload(3).gaveUp, upload(5).gaveUp]).toEqual([true, true])
  })

  it("delays the close, which is the last request", async () => {
    const { runtime, link, upload, requests } = await dialAndPass(dialer)
    for (let n = 3; n < 6; n++) {
      link.send(message(9_000))
      await runtime.pass(0)
    }
    link.send("mlast\t")
    link.close({ code: "closed", reason: "", retryable: true })
    for (const up of [5, 3]) await upload(up).answer()
    expect(requests.some(({ closes }) => closes)).toBe(false)
    await upload(4).answer()
    expect(requests.filter(({ closes }) => closes).map(({ up, packets }) => [up, packets])).toEqual([[6, ["mlast\t"]]])
  })

  it("counts as buffered until it is sent", async () => {
    const { runtime, link, upload } = await dial(dialer)
    for (let n = 0; n < 30; n++) link.send(message(10_000))
    expect(link.bufferedBytes).toBe(300_000)
    await runtime.pass(0)
    expect(link.bufferedBytes).toBe(40_000)
    await upload(2).answer()
    expect(link.bufferedBytes).toBe(0)
  })

  it("has a timeout that is a millisecond longer for each of its bytes", async () => {
    const { runtime, link, upload } = await dial(dialer)
    link.send(message(10_000))
    await runtime.pass(24_900)
    expect(upload(2).gaveUp).toBe(false)
    await runtime.pass(200)
    expect(upload(2).gaveUp).toBe(true)
  })

  it("proves nothing about the way down by its answer", async () => {
    const { runtime, link, upload, told } = await dial(dialer)
    told.length = 0
    link.send("mx\t")
    await runtime.pass(0)
    const answer = await upload(2).begin()
    await answer.piece("\na1")
    await answer.end()
    expect(told).toEqual(["ack a1"])
  })

  it.each([
    ["text", message(100_000)],
    ["text of many bytes", message(100_000, "\u20ac")],
    ["a surrogate pair at every cut", message(50_004, "\u{1f600}")],
    ["bytes", new Uint8Array(100_000).fill(0x6d)],
  ])("of one packet that is answered 413 is sent again in parts that pass: %s", async (_, packet) => {
    const { runtime, link, requests, told } = await dial(dialer)
    const LIMIT = 64_000
    const sizeOf = ({ packets }: Request): number => packets.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
    let passed: (string | Uint8Array)[] = []
    let refused = 0
    link.send(typeof packet === "string" ? packet : encodeBatch([packet]))
    link.send("mafter\t")
    await runtime.pass(0)
    for (let at = 1; at < requests.length; at++) {
      const request = requests[at] as Request // at < length
      if (request.up === undefined) continue
      if (sizeOf(request) > LIMIT) {
        refused++
        await request.refuse(413)
      } else {
        passed = [...passed, ...request.packets]
        await request.answer()
      }
    }
    expect(joined(passed)).toEqual([packet, "mafter\t"])
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThan(4)
    expect(told).not.toContain("too-large")
    // The next packet is not tried whole again.
    const before = requests.length
    link.send(typeof packet === "string" ? packet : encodeBatch([packet]))
    await runtime.pass(0)
    expect(sizeOf(requests[before] as Request)).toBeLessThan(LIMIT)
  })

  it("of one packet that the hub itself calls too large ends the link", async () => {
    const { runtime, link, upload, told } = await dial(dialer)
    link.send(message(100_000))
    await runtime.pass(0)
    await upload(2).refuse(413, '@{"hub":"hub","close":{"code":"too-large","reason":""}}')
    expect(told.at(-1)).toBe("too-large")
  })

  it("that is answered 413 at every size ends the link after a few tries", async () => {
    const { runtime, link, requests, told } = await dial(dialer)
    link.send(message(100_000))
    await runtime.pass(0)
    for (let at = 1; at < requests.length; at++) if (requests[at]?.up === 2) await requests[at]?.refuse(413)
    expect(told.at(-1)).toBe("too-large")
    expect(requests.length).toBeLessThan(12)
  })
})

describe("the answer to a poll", () => {
  it("may take long while it makes progress, and each piece calls the sink's moved()", async () => {
    const { runtime, requests, told } = await dial(longPoll)
    told.length = 0
    const answer = await requests[1]?.begin()
    await answer?.piece("\nmx\t")
    for (let n = 0; n < 10; n++) {
      await runtime.pass(14_000)
      await answer?.piece("1")
    }
    await answer?.end()
    expect(requests[1]?.gaveUp).toBe(false)
    expect(told).toEqual([...new Array(12).fill("moved"), "mx\t1111111111"])
  })

  it("is aborted when no byte came for 15 s, and requested again", async () => {
    const { runtime, requests } = await dial(longPoll)
    const answer = await requests[1]?.begin()
    await runtime.pass(14_000)
    await answer?.piece("\nmx")
    await runtime.pass(14_900)
    expect(requests[1]?.gaveUp).toBe(false)
    await runtime.pass(200)
    expect(requests[1]?.gaveUp).toBe(true)
  })

  it("is aborted 15 s after its head when no byte follows, although the hold time is not over", async () => {
    const { runtime, requests } = await dial(longPoll)
    await requests[1]?.begin("")
    await runtime.pass(15_100)
    expect(requests[1]?.gaveUp).toBe(true)
  })

  it("may begin when the hold time is over, and up to 15 s later", async () => {
    const { runtime, requests } = await dial(longPoll)
    await runtime.pass(34_900)
    expect(requests[1]?.gaveUp).toBe(false)
    await runtime.pass(200)
    expect(requests[1]?.gaveUp).toBe(true)
  })

  it("that breaks off in the middle is requested again, and teaches no shorter hold", async () => {
    const { runtime, requests, told, learned } = await dial(longPoll)
    const answer = await requests[1]?.begin()
    await runtime.pass(8_000)
    await answer?.breakOff()
    expect(learned).toEqual([])
    await runtime.pass(200)
    expect(requests[2]).toMatchObject({ poll: requests[1]?.poll })
    await requests[2]?.answer("mx\t")
    expect(told.at(-1)).toBe("mx\t")
  })
})

describe("over sse", () => {
  it("the answer to the hello proves that the way down works", async () => {
    expect((await dial(sse)).told).toEqual(["moved", "writable"])
  })
})

describe("a poll over short-poll", () => {
  it("follows the first answer at once, because that brings the welcome alone", async () => {
    const { requests } = await dial(shortPoll)
    expect(requests.map(({ poll }) => poll)).toEqual([1, 2])
  })

  it("follows one that brought less than 2 KiB after a pause", async () => {
    const { runtime, requests } = await dial(shortPoll)
    await requests[1]?.answer(message(2_000))
    await runtime.pass(200)
    expect(requests).toHaveLength(2)
    await runtime.pass(60)
    expect(requests).toHaveLength(3)
  })

  it("is sent with each upload", async () => {
    const { runtime, link, requests } = await dial(shortPoll)
    await requests[1]?.answer()
    link.send("m1\t")
    await runtime.pass(0)
    link.send("m2\t")
    await runtime.pass(0)
    expect(requests.slice(2).map(({ up, poll }) => [up, poll])).toEqual([
      [2, 3],
      [3, 4],
    ])
  })
})

describe("polls over short-poll", () => {
  it("are at most three in parallel, including those without packets", async () => {
    const { runtime, link, requests, upload } = await dial(shortPoll)
    await requests[1]?.answer()
    link.send(message(9_000))
    await runtime.pass(0)
    await upload(2).answer()
    await runtime.pass(600)
    expect(requests.at(-1)).toMatchObject({ up: undefined, poll: 4 })
    for (let n = 0; n < 4; n++) {
      link.send(message(9_000))
      await runtime.pass(0)
    }
    expect(requests.filter(({ poll = 0 }) => poll >= 4).map(({ poll }) => poll)).toEqual([4, 5, 6])
    await requests.find(({ poll }) => poll === 4)?.answer()
    expect(requests.at(-1)?.poll).toBe(7)
  })
})

describe.each([longPoll, shortPoll])("polls over $name", (dialer) => {
  it("are two in parallel while they bring 2 KiB or more, and one again when they bring less", async () => {
    const { requests } = await dial(dialer)
    await requests[1]?.answer(message(2_048))
    expect(requests.slice(2).map(({ poll }) => poll)).toEqual([3, 4])
    await requests[2]?.answer(message(2_048))
    expect(requests.slice(4).map(({ poll }) => poll)).toEqual([5])
    await requests[3]?.answer("mx\t")
    await requests[4]?.answer("mx\t")
    const later = requests.slice(5).map(({ poll }) => poll)
    expect(later).toEqual(dialer === longPoll ? [6] : [])
  })

  it("deliver packets in order, whichever is answered first", async () => {
    const { requests, told } = await dial(dialer)
    await requests[1]?.answer(message(2_048))
    told.length = 0
    await requests[3]?.answer("m2\t")
    expect(told).not.toContain("m2\t")
    await requests[2]?.answer("m1\t")
    expect(told.filter((what) => what.startsWith("m"))).toEqual(expect.arrayContaining(["m1\t", "m2\t"]))
    expect(told.indexOf("m1\t")).toBeLessThan(told.indexOf("m2\t"))
  })

  it("that were answered early wait for earlier ones that are repeated", async () => {
    const { runtime, requests, told } = await dial(dialer)
    await requests[1]?.answer(message(2_048))
    await requests[3]?.answer("m2\t")
    await requests[2]?.refuse(503)
    await runtime.pass(100)
    const again = requests.findLast(({ poll }) => poll === 3)
    expect(again).not.toBe(requests[2])
    await again?.answer("m1\t")
    expect(told.indexOf("m1\t")).toBeLessThan(told.indexOf("m2\t"))
  })
})

describe("a poll over long-poll", () => {
  it("carries the waiting acks when it is sent, without an upload number", async () => {
    const { requests } = await dial(longPoll, (batch, link) => {
      if (batch === "mx\t") link.send("a1")
    })
    await requests[1]?.answer("mx\t")
    const [next] = requests.slice(2)
    expect([next?.up, next?.poll, next?.packets]).toEqual([undefined, 3, ["a1"]])
  })
})
