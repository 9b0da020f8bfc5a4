// The page of `npm start` in a real browser, with one person at the page and one at a terminal.

import { type Channel, createChannel } from "everwire"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import type { Chat } from "../../examples/chat/contract.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"
import { Program, WAIT_MS } from "./program.ts"

const transports = ["websocket", "sse", "long-poll", "short-poll"] as const
type TransportName = (typeof transports)[number]
type Position = "fine" | "refused" | "mute"

missChromium()
describe.skipIf(!hasChromium)("the chat's page in Chromium", () => {
  let browser: Browser
  let server: Program
  let terminal: Program
  let url: string
  /** The page for most tests. Each test leaves it on the WebSocket, with all switches at "fine". */
  let page: Page

  beforeAll(async () => {
    server = new Program("examples/chat/server.mjs")
    url = (await server.line(/http:\S+/))[0]
    terminal = new Program("examples/chat/terminal.mjs", url, "Terminal")
    browser = await launchChromium()
    page = await openPage()
  })

  afterAll(async () => {
    await browser?.close()
    terminal?.stop()
    server?.stop()
  })

  it("opens over the WebSocket, and shows everyone in the room", async () => {
    await carriedBy(page, "websocket")
    await page.getByLabel("Who is here").getByText("Terminal").waitFor()
    await page.getByLabel("Who is here").getByText("(you)").waitFor()
    await expectShown(page, "why", "websocket is the preferred transport and works")
    await page.waitForFunction(() => /^\d+ ms$/.test(document.getElementById("rtt")?.textContent ?? ""))
  })

  it.each(transports)("chats over %s while the others are refused", async (transport) => {
    await turn(page, transport, "fine")
    for (const other of transports) if (other !== transport) await turn(page, other, "refused")
    await carriedBy(page, transport)
    await terminal.line(`— carried by ${transport} —`)

    await chat(page, terminal)
    await expectNothingLost(page)
  })

  it("returns to the WebSocket when every transport works again", async () => {
    await giveEverythingBack(page)
    await expectNothingLost(page)
  })

  it("leaves a WebSocket that has fallen silent without losing messages, and returns to it later", async () => {
    await forget(page)
    await turn(page, "websocket", "mute")
    const lost = await say(page)
    // A page that only listens notices the silence at the next heartbeat; one that sends, within three seconds.
    await expectHeard(page, terminal.say(`terminal says ${++said}`))
    await carriedBy(page, "sse")
    await terminal.line(lost)
    await expectNothingLost(page)

    await turn(page, "sse", "mute")
    await expectHeard(page, terminal.say(`terminal says ${++said}`))
    await carriedBy(page, "long-poll")
    await chat(page, terminal)
    await giveEverythingBack(page)
    await expectNothingLost(page)
  })

  it("survives the loss and return of the network, over a WebSocket", async () => {
    await goOffline(page)
    const up = await say(page)
    const down = terminal.say(`terminal says ${++said}`)
    await page.context().setOffline(false)
    await terminal.line(up)
    await expectHeard(page, down)
    await carriedBy(page, "websocket")
    await expectNothingLost(page)
  })

  it("survives the loss and return of the network, over a long-poll", async () => {
    await turn(page, "websocket", "refused")
    await turn(page, "sse", "refused")
    await carriedBy(page, "long-poll")

    await goOffline(page)
    const up = await say(page)
    const down = terminal.say(`terminal says ${++said}`)
    await page.context().setOffline(false)
    await terminal.line(up)
    await expectHeard(page, down)

    await giveEverythingBack(page)
    await expectNothingLost(page)
  })

  it("carries the conversation of two pages on different networks", async () => {
    const other = await openPage()
    await carriedBy(other, "websocket")
    await expectHeard(other, await say(page))
    await expectHeard(page, await say(other))

    await forget(page)
    await goOffline(other)
    await turn(page, "websocket", "refused")
    await carriedBy(page, "sse")
    const missed = await say(page)
    await other.context().setOffline(false)
    await expectHeard(other, missed)
    await expectHeard(page, await say(other))

    await giveEverythingBack(page)
    await carriedBy(other, "websocket")
    await expectNothingLost(page)
    await expectNothingLost(other)
    await other.context().close()
  })

  it("shows no round trip while there is no link", async () => {
    await goOffline(page)
    await expectShown(page, "rtt", "–")
    await page.context().setOffline(false)
    await carriedBy(page, "websocket")
  })

  it("names, in an empty room, the command that joins it from a terminal, also on a phone", async () => {
    const hub = new Program("examples/chat/server.mjs")
    onTestFinished(() => hub.stop())
    const [address] = await hub.line(/http:\S+/)
    const newcomer = await browser.newPage({ viewport: { width: 360, height: 640 } })
    onTestFinished(() => newcomer.context().close())
    await newcomer.goto(address)
    const command = newcomer.getByText(`npm run chat -- ${address}`)
    await command.waitFor()
    const { x = 0, width = 0 } = (await command.boundingBox()) ?? {}
    expect(x + width).toBeLessThanOrEqual(360)
  })

  it("says in sentences what happened to a transport", async () => {
    await turn(page, "websocket", "refused")
    await carriedBy(page, "sse")
    const words = page.getByLabel("What happened to the transports, newest first")
    await words.getByText("took over the talk").first().waitFor()
    const rung = page.locator('.rung[data-transport="websocket"] .rung-last')
    await rung.getByText(/^At \d\d:\d\d:\d\d it was (dialed|closed: \S.*)\./).waitFor()
    await giveEverythingBack(page)
  })

  it("shows a newcomer only under the name that it entered", async () => {
    const newcomer = createChannel<Chat>(url)
    await newcomer.opened
    const told = expectHeard(page, "no name yet")
    newcomer.send("chat", { text: "no name yet", key: 1 })
    await told // The room has heard of the newcomer, and so has this page.
    newcomer.send("join", { nick: "Newcomer" })
    await page.getByLabel("Who is here").getByText("Newcomer").waitFor()
    const names = await page.evaluate(() => document.documentElement.dataset["names"])
    expect(names).not.toContain("Somebody")
    await newcomer.close()
  })

  describe("with 25 people in the room", () => {
    const crowd: Channel<Chat>[] = []

    beforeAll(async () => {
      for (let i = 0; i < 25; i++) {
        const channel = createChannel<Chat>(url)
        channel.send("join", { nick: `Person number ${i}` })
        crowd.push(channel)
      }
      await page.waitForFunction(() => document.querySelectorAll(".person").length > 25)
    })

    afterAll(async () => {
      await Promise.all(crowd.map((channel) => channel.close()))
    })

    it.each([
      [360, 640],
      [390, 844],
    ])("keeps the message field in the first screen of a phone, %i x %i", async (width, height) => {
      await page.setViewportSize({ width, height })
      expect(await bottomOf(page, "#text")).toBeLessThanOrEqual(height)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    })

    it.each([
      [360, 640],
      [390, 844],
    ])("shows the latest message above the message field of a phone, %i x %i", async (width, height) => {
      await page.setViewportSize({ width, height })
      await say(page)
      const { y: top = 0 } = (await page.locator("#composer").boundingBox()) ?? {}
      await expect.poll(() => bottomOf(page, "#messages > :last-child")).toBeLessThanOrEqual(top)
    })

    it("keeps the proof in the first screen of a laptop", async () => {
      await page.setViewportSize({ width: 1280, height: 800 })
      expect(await bottomOf(page, ".proof")).toBeLessThanOrEqual(800)
      expect(await bottomOf(page, "#text")).toBeLessThanOrEqual(800)
    })

    it("keeps graph, dots and switches visible with forced colours", async () => {
      await page.emulateMedia({ forcedColors: "active" })
      const canvas = await colourOf(page, "body")
      for (const mark of [".bar::before", ".person::before", ".status::before", ".switch :checked + span"]) {
        expect(await colourOf(page, mark), mark).not.toBe(canvas)
      }
      await page.emulateMedia({ forcedColors: null })
    })
  })

  /** A page in a browser context of its own, with its own network and storage. */
  async function openPage(): Promise<Page> {
    const context = await browser.newContext()
    context.setDefaultTimeout(WAIT_MS)
    const opened = await context.newPage()
    await opened.goto(url)
    // Remembers any loss or doubling that was ever shown, even if the page corrects it later.
    await opened.evaluate(() => {
      const verdict = document.getElementById("verdict")
      const note = (): void => {
        if (verdict?.textContent !== "0 lost, 0 doubled") document.documentElement.dataset["failed"] = "true"
      }
      if (verdict !== null) new MutationObserver(note).observe(verdict, { childList: true })
      // Every name that was shown, however briefly.
      const people = document.getElementById("people")
      const { dataset } = document.documentElement
      const noteNames = (): void => {
        dataset["names"] = `${dataset["names"] ?? ""} ${people?.textContent}`
      }
      if (people !== null) new MutationObserver(noteNames).observe(people, { childList: true })
    })
    return opened
  }
})

// — at the page —

/** Turns a switch and waits until the server has applied it. */
async function turn(page: Page, transport: TransportName, position: Position): Promise<void> {
  await page
    .getByRole("group", { name: `with ${transport}` })
    .getByLabel(position)
    .check()
  await page.locator(`.rung[data-transport="${transport}"][data-position="${position}"]`).waitFor()
}

async function giveEverythingBack(page: Page): Promise<void> {
  for (const transport of transports) await turn(page, transport, "fine")
  await carriedBy(page, "websocket")
}

/** Clears what the channel learned in the test before, so that it does not decide which transport is next. */
async function forget(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Forget what broke" }).click()
}

/** Takes the network away and waits until the channel has noticed. An open WebSocket is not cut but silent. */
async function goOffline(page: Page): Promise<void> {
  await page.context().setOffline(true)
  await page.waitForFunction(() => document.documentElement.dataset["status"] === "reconnecting")
}

async function carriedBy(page: Page, transport: TransportName): Promise<void> {
  await expectShown(page, "transport", transport)
  await expectShown(page, "status", `open, over ${transport}`)
}

async function expectShown(page: Page, id: string, text: string): Promise<void> {
  await page.waitForFunction(([of, wanted]) => document.getElementById(of ?? "")?.textContent === wanted, [id, text])
}

/** The bottom of the first matching element, in pixels from the top of the unscrolled page. */
async function bottomOf(page: Page, selector: string): Promise<number> {
  await page.evaluate(() => scrollTo(0, 0))
  const box = await page.locator(selector).boundingBox()
  if (box === null) throw new Error(`${selector} is not shown`)
  return box.y + box.height
}

/** The painted background of an element, or of its pseudo-element. */
function colourOf(page: Page, selector: string): Promise<string> {
  const [element = "", pseudo] = selector.split("::")
  return page.evaluate(
    ([of, which]) => {
      const found = document.querySelector(of ?? "")
      if (found === null) throw new Error(`no ${of} on the page`)
      return getComputedStyle(found, which && `::${which}`).backgroundColor
    },
    [element, pseudo],
  )
}

let said = 0

/** Sends a new text at the page. Returns the text. */
async function say(page: Page): Promise<string> {
  const text = `page says ${++said}`
  await page.getByLabel("Message", { exact: true }).fill(text)
  await page.getByRole("button", { name: "Send" }).click()
  return text
}

/** Asserts that the page shows another person's message, once. */
async function expectHeard(page: Page, text: string): Promise<void> {
  const heard = page.locator("#messages .message").getByText(text, { exact: true })
  await heard.waitFor()
  expect(await heard.count()).toBe(1)
}

/** Sends one message in each direction. */
async function chat(page: Page, terminal: Program): Promise<void> {
  await terminal.line(await say(page))
  await expectHeard(page, terminal.say(`terminal says ${++said}`))
}

/** Asserts that all messages sent so far arrive, and that no loss or doubling was ever shown in either direction. */
async function expectNothingLost(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const counts = (id: string): number[] =>
      Array.from(document.querySelectorAll(`#${id} td`), (cell) => Number(cell.textContent?.replaceAll(",", "")))
    const { dataset } = document.documentElement
    const [sent = 0, received = 0] = counts("up")
    const [told = 0] = counts("down")
    dataset["sent"] ??= String(sent)
    dataset["told"] ??= String(told)
    // Both streams have arrived up to this point.
    return received > Number(dataset["sent"]) && told > Number(dataset["told"]) + 1
  })
  const seen = await page.evaluate(() => {
    const { dataset } = document.documentElement
    delete dataset["sent"]
    delete dataset["told"]
    return { verdict: document.getElementById("verdict")?.textContent, failed: dataset["failed"] }
  })
  expect(seen).toEqual({ verdict: "0 lost, 0 doubled", failed: undefined })
}
