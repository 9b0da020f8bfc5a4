import { type Channel, createChannel, type Runtime, type TransportName } from "everwire"
import { createHub, type Hub } from "everwire/server"
import { HttpResponse, http } from "msw"
import { setupServer } from "msw/node"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"

const ORIGIN = "http://hub.test"

/** The channel's clock runs 20 times as fast as the wall clock. Only back-offs and pauses wait here, not networks. */
const SPEED = 20
const fast: Runtime = {
  now: () => performance.now() * SPEED,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs / SPEED)
    return () => clearTimeout(timer)
  },
  soon: (run) => queueMicrotask(run),
  random: () => 0.5,
  id: () => crypto.randomUUID(),
  report: (error) => {
    throw error
  },
}

/** A middlebox between the channel and its hub: returns its own answer, or undefined to let the request pass. */
type Box = (request: Request) => Response | undefined | Promise<Response | undefined>

let hub: Hub
let channel: Channel | undefined
let box: Box = () => undefined
/** The number of requests that reached the middlebox. */
let asked = 0

const network = setupServer(
  http.all(`${ORIGIN}/everwire/*`, async ({ request }) => {
    asked++
    const answer = box(request.clone())
    return (await answer) ?? (await hub.fetch(request))
  }),
)

beforeAll(() => network.listen({ onUnhandledRequest: "error" }))
afterAll(() => network.close())
beforeEach(() => {
  hub = createHub({ runtime: fast })
  hub.on("up", (number, peer) => peer.send("down", number))
  asked = 0
  box = () => undefined
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await channel?.close({ flushMs: 0 })
  await hub.close()
})

function open(transport: TransportName): { heard: unknown[]; next(count: number): Promise<void> } {
  const heard: unknown[] = []
  let wake = (): void => {}
  channel = createChannel(ORIGIN, { transports: [transport], store: null, runtime: fast })
  channel.on("down", (number) => {
    heard.push(number)
    wake()
  })
  return {
    heard,
    next: async (count) => {
      while (heard.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

function failedCodes(): string[] {
  return (channel?.explain().incidents ?? []).flatMap(({ closing }) => (closing === undefined ? [] : [closing.code]))
}

const html = (status: number): Response =>
  new HttpResponse("<html>Please sign in</html>", { status, headers: { "content-type": "text/html" } })

/** Answers of a middlebox, and the code with which the channel closes the link for each. */
const answers: readonly { title: string; code: string; answer: () => Response }[] = [
  { title: "403 of a firewall", code: "refused", answer: () => new HttpResponse("no", { status: 403 }) },
  { title: "404 of another server", code: "refused", answer: () => new HttpResponse("not found", { status: 404 }) },
  { title: "413", code: "too-large", answer: () => new HttpResponse(null, { status: 413 }) },
  { title: "429 without Retry-After", code: "rate-limited", answer: () => new HttpResponse(null, { status: 429 }) },
  { title: "500", code: "refused", answer: () => new HttpResponse("oops", { status: 500 }) },
  { title: "502 with a page", code: "refused", answer: () => html(502) },
  { title: "503", code: "rate-limited", answer: () => new HttpResponse(null, { status: 503 }) },
  { title: "200 with a page", code: "captive-portal", answer: () => html(200) },
  { title: "200 with nothing", code: "refused", answer: () => new HttpResponse(null, { status: 200 }) },
  { title: "200 with JSON of another make", code: "refused", answer: () => HttpResponse.json({ ok: true }) },
  {
    title: "200 with half an envelope",
    code: "refused",
    answer: () => new HttpResponse('@{"link":"ab', { status: 200 }),
  },
  { title: "a redirect", code: "redirected", answer: () => HttpResponse.redirect("http://elsewhere.test/", 302) },
  { title: "a connection that breaks", code: "network", answer: () => HttpResponse.error() },
]

describe.each(["long-poll", "short-poll"] as const)("a hello over %s that is answered with", (transport) => {
  it.each(answers)(
    "$title fails with its code, and the channel opens when the hub answers again",
    async ({ answer, code }) => {
      let refusals = 2
      box = () => (refusals-- > 0 ? answer() : undefined)
      const { heard, next } = open(transport)
      channel?.send("up", 1)
      await next(1)
      expect(heard).toEqual([1])
      expect(failedCodes()).toContain(code)
    },
  )
})

describe.each(["long-poll", "short-poll"] as const)("in the middle of a session over %s", (transport) => {
  it.each(answers.filter(({ code }) => code !== "too-large"))("$title costs no message", async ({ answer }) => {
    const { heard, next } = open(transport)
    channel?.send("up", 0)
    await next(1)
    let refusals = 3
    box = () => (refusals-- > 0 ? answer() : undefined)
    for (let number = 1; number < 10; number++) channel?.send("up", number)
    await next(10)
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(hub.peers.size).toBe(1)
  })

  it("an answer that is lost after the hub has served the request costs no message and doubles none", async () => {
    const { heard, next } = open(transport)
    channel?.send("up", 0)
    await next(1)
    let losses = 4
    box = async (request) => {
      const answer = await hub.fetch(request)
      return losses-- > 0 ? HttpResponse.error() : answer
    }
    for (let number = 1; number < 50; number++) channel?.send("up", number)
    await next(50)
    expect(heard).toEqual(Array.from({ length: 50 }, (_, number) => number))
  })

  it("a cached answer to an earlier request is recognised, and the request is sent again", async () => {
    const { heard, next } = open(transport)
    let kept: Response | undefined
    box = async (request) => {
      kept = await hub.fetch(request)
      return kept.clone()
    }
    channel?.send("up", 0)
    await next(1)
    let stale = 2
    box = () => (stale-- > 0 ? kept?.clone() : undefined)
    for (let number = 1; number < 5; number++) channel?.send("up", number)
    await next(5)
    expect(heard).toEqual([0, 1, 2, 3, 4])
    // The repeat was on the same link: if the cached answer had been used, the next upload would be out of order there.
    expect(failedCodes()).toEqual([])
  })
})

describe("a proxy that accepts only small bodies", () => {
  it("gets the same batch in parts", async () => {
    const { heard, next } = open("long-poll")
    channel?.send("up", "first")
    await next(1)
    let refused = 0
    box = async (request) => {
      if ((await request.arrayBuffer()).byteLength <= 2_000) return undefined
      refused++
      return new HttpResponse(null, { status: 413 })
    }
    const said = Array.from({ length: 40 }, (_, number) => `${number} ${"x".repeat(200)}`)
    for (const text of said) channel?.send("up", text)
    await next(41)
    expect(heard.slice(1)).toEqual(said)
    expect(refused).toBeGreaterThan(0)
    expect(channel?.explain().incidents.filter(({ what }) => what === "closed")).toEqual([])
  })
})

describe.each(["long-poll", "short-poll"] as const)("a poll over %s without packets", (transport) => {
  /** Records every poll after the first: its body, and the envelope in its header. */
  function polls(): [string, string | null][] {
    const seen: [string, string | null][] = []
    box = async (request) => {
      const line = request.headers.get("everwire")
      const body = await request.clone().text()
      if (line !== null || body.includes('"poll"')) seen.push([body, line])
      return undefined
    }
    return seen
  }
  const inHeader = ["", expect.stringMatching(/^@{"link":"[\w-]+".*"poll":\d+}$/)]
  const inBody = [expect.stringMatching(/^@{"link":"[\w-]+".*"poll":\d+}$/), null]

  /** Opens a channel and hears `count` messages, while the channel has no packets to send. */
  async function hear(count: number): Promise<unknown[]> {
    const { heard, next } = open(transport)
    await channel?.opened
    for (let number = 1; number <= count; number++) {
      hub.send("down", number)
      await next(number)
    }
    return heard
  }

  it("is sent without a body", async () => {
    const seen = polls()
    expect(await hear(3)).toEqual([1, 2, 3])
    expect(seen.slice(1).length).toBeGreaterThan(1)
    for (const poll of seen.slice(1).filter(([body]) => !body.includes("\n"))) expect(poll).toEqual(inHeader)
  })

  it("is sent with a body where the envelope's header would cost a preflight, as to another origin", async () => {
    vi.stubGlobal("location", new URL("https://page.test/"))
    const seen = polls()
    expect(await hear(3)).toEqual([1, 2, 3])
    expect(seen.slice(1).length).toBeGreaterThan(1)
    for (const poll of seen.slice(1).filter(([body]) => !body.includes("\n"))) expect(poll).toEqual(inBody)
  })

  it("is sent without a body to the page's own origin", async () => {
    vi.stubGlobal("location", new URL(`${ORIGIN}/page`))
    const seen = polls()
    expect(await hear(3)).toEqual([1, 2, 3])
    expect(seen.filter(([, line]) => line !== null).length).toBeGreaterThan(0)
  })

  it("is sent with a body once a proxy has dropped the header, or wanted a body, and no link is lost", async () => {
    const seen: boolean[] = []
    box = async (request) => {
      const bare = request.headers.has("everwire")
      seen.push(bare)
      if (!bare) return undefined
      const headers = new Headers(request.headers)
      headers.delete("everwire")
      return hub.fetch(new Request(request.url, { method: "POST", headers }))
    }
    expect(await hear(3)).toEqual([1, 2, 3])
    expect(seen.filter((bare) => bare)).toHaveLength(1)
    expect(channel?.explain().incidents.filter(({ what }) => what === "closed")).toEqual([])
  })
})

describe("a server that sends Retry-After", () => {
  it("gets the next request only after that time", async () => {
    const { next } = open("long-poll")
    channel?.send("up", 0)
    await next(1)
    let answeredAt = 0
    let againAfterMs = 0
    box = (request) => {
      if (request.method !== "POST") return undefined
      if (answeredAt === 0) {
        answeredAt = fast.now()
        return new HttpResponse(null, { status: 503, headers: { "retry-after": "1" } })
      }
      againAfterMs ||= fast.now() - answeredAt
      return undefined
    }
    // Only one request is open: the held poll ends after its hold time, and the one after it is refused.
    const later = asked + 3
    while (asked < later) await new Promise((resolve) => network.events.on("response:mocked", resolve))
    expect(againAfterMs).toBeGreaterThan(950)
  })
})

describe.each(["long-poll", "short-poll"] as const)(
  "where requests and answers overtake each other, %s",
  (transport) => {
    /** Delays each request and each answer by between 0 and 12 ms. */
    function shuffle(): void {
      let turn = 0
      const wait = (): Promise<void> =>
        new Promise((resolve) => setTimeout(resolve, [9, 0, 5, 1, 12, 3, 0][turn++ % 7]))
      box = async (request) => {
        await wait()
        const answer = await hub.fetch(request)
        await wait()
        return answer
      }
    }

    it.each<[title: string, say: (message: object) => void]>([
      ["what comes down", (message) => hub.send("down", message)],
      ["what goes up and comes down at once", (message) => channel?.send("up", message)],
    ])("keeps the order of %s, and the link", async (_, say) => {
      const { heard, next } = open(transport)
      await channel?.opened
      shuffle()
      const numbers = Array.from({ length: 300 }, (_, number) => number)
      for (const number of numbers) say({ number, text: "x".repeat(2_000) })
      await next(numbers.length)
      expect(heard.map((message) => (message as { number: number }).number)).toEqual(numbers)
      expect(failedCodes()).toEqual([])
    })
  },
)
