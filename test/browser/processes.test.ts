// The page of `npm start -- --processes 2` in a real browser, with one person at the page and one on Node.

import { type Channel, createChannel } from "everwire"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Chat, Saying } from "../../examples/chat/contract.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"
import { Program, WAIT_MS } from "./program.ts"

it.each([["1"], ["17"], ["2.5"], ["many"], [""]])("is not started with --processes %s, and says why", async (given) => {
  const { code, errors } = await new Program("examples/chat/server.mjs", `--processes=${given}`).ended()
  expect(code).toBe(64)
  expect(errors).toContain("misuse: --processes is a whole number from 2 to 16")
})

missChromium()
describe.skipIf(!hasChromium)("the chat on two processes, in Chromium", () => {
  let browser: Browser
  let server: Program
  let page: Page
  let friend: Friend

  beforeAll(async () => {
    server = new Program("examples/chat/server.mjs", "--processes", "2")
    const [url] = await server.line(/http:\S+/)
    browser = await launchChromium()
    const context = await browser.newContext()
    context.setDefaultTimeout(WAIT_MS)
    page = await context.newPage()
    await page.goto(url)
    friend = new Friend(url)
    await friend.channel.opened
  })

  afterAll(async () => {
    await friend?.channel.close({ flushMs: 0 })
    await browser?.close()
    server?.stop()
  })

  it("shows which process has the link, which has the session, and everybody of both processes", async () => {
    await page.getByText(/^carried by process [12]$/).waitFor()
    await page.getByText(/^kept by process [12]$/).waitFor()
    // The second session was begun at the other process than the page's, because every request goes to the next one.
    await page.getByLabel("Who is here").getByText("Friend", { exact: true }).waitFor()
    await talk(page, friend)
  })

  it("loses nothing when the process that has only the link is killed", async () => {
    const keeper = await numberIn(page, "keeper")
    await cutUntilApart(page)
    const carrier = await numberIn(page, "carrier")
    expect(carrier).not.toBe(keeper)
    await page.getByRole("button", { name: `Kill process ${carrier}` }).click()
    await page.locator(`.process[data-runs="false"]`).getByText(`process ${carrier}`).waitFor()
    await say(page, "while it is away")
    await page.locator(`#carrier`).getByText(`carried by process ${keeper}`, { exact: true }).waitFor()
    await page.locator("#messages .message:not(.pending)").getByText("while it is away").waitFor()
    expect(await numberIn(page, "keeper")).toBe(keeper)
    expect(await page.locator("#verdict").textContent()).toBe("0 lost, 0 doubled")
    expect(await page.getByText("the hub has begun anew").count()).toBe(0)
    await page.waitForFunction(() => document.querySelectorAll('.process[data-runs="true"]').length === 2)
    await talk(page, friend)
  })

  it("talks both ways over polls, which every process answers in turn", async () => {
    for (const transport of ["websocket", "sse"]) {
      await page
        .getByRole("group", { name: `with ${transport}` })
        .getByLabel("refused")
        .check()
    }
    await page.getByText("open, over long-poll").waitFor()
    await expect.poll(() => friend.channel.transport, { timeout: WAIT_MS }).toBe("long-poll")
    await page.getByText(/^carried by every process in turn$/).waitFor()
    await talk(page, friend)
    expect(await page.locator("#verdict").textContent()).toBe("0 lost, 0 doubled")
    for (const transport of ["websocket", "sse"]) {
      await page
        .getByRole("group", { name: `with ${transport}` })
        .getByLabel("fine")
        .check()
    }
    await page.getByText("open, over websocket").waitFor()
  })

  it("says that the session begins anew when the process that has it is killed", async () => {
    const keeper = await numberIn(page, "keeper")
    await page.getByRole("button", { name: `Kill process ${keeper}` }).click()
    await page.getByText("the hub has begun anew, and so does the count").waitFor()
    await page.getByText(/^kept by process [12]$/).waitFor()
    await page.waitForFunction(() => document.querySelectorAll('.process[data-runs="true"]').length === 2)
    await talk(page, friend)
    expect(await page.locator("#verdict").textContent()).toBe("0 lost, 0 doubled")
  })
})

/** A person on Node. */
class Friend {
  readonly channel: Channel<Chat>
  /** The texts of all messages by their ids, which tell a message that came again in a new session. */
  readonly #heard = new Map<string, string>()
  #key = 0

  constructor(url: string) {
    this.channel = createChannel<Chat>(url, { reprobeMs: [1000, 3000] })
    this.channel.send("join", { nick: "Friend" })
    const hear = ({ id, text }: Saying): void => void this.#heard.set(id, text)
    this.channel.on("chat", hear)
    this.channel.on("lobby", ({ history }) => history.forEach(hear))
    this.channel.onReset(() => {
      if (this.channel.status !== "closed") this.channel.send("join", { nick: "Friend" })
    })
  }

  say(text: string): void {
    this.channel.send("chat", { text, key: ++this.#key })
  }

  /** How often it has heard a text. */
  heard(text: string): number {
    return [...this.#heard.values()].filter((heard) => heard === text).length
  }
}

let said = 0

/** One message in each direction, each of which arrives once. */
async function talk(page: Page, friend: Friend): Promise<void> {
  const up = `page says ${++said}`
  await say(page, up)
  await expect.poll(() => friend.heard(up), { timeout: WAIT_MS }).toBe(1)
  const down = `friend says ${said}`
  friend.say(down)
  const shown = page.locator("#messages .message").getByText(down, { exact: true })
  await shown.waitFor()
  expect(await shown.count()).toBe(1)
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text)
  await page.getByRole("button", { name: "Send" }).click()
}

/** The number of the process that the page shows there. */
async function numberIn(page: Page, id: "carrier" | "keeper"): Promise<string> {
  const shown = page.locator(`#${id}`).getByText(/process \d+$/)
  return /\d+$/.exec((await shown.textContent()) ?? "")?.[0] ?? ""
}

/** Cuts the page's link until another process has it than the one that has the session. */
async function cutUntilApart(page: Page): Promise<void> {
  await expect
    .poll(
      async () => {
        const [carrier, keeper] = [await numberIn(page, "carrier"), await numberIn(page, "keeper")]
        if (carrier !== keeper) return true
        await page.getByRole("button", { name: "Cut the link" }).click()
        return false
      },
      { timeout: WAIT_MS, interval: 1000 },
    )
    .toBe(true)
}
