// @ts-check
// Situations of a page besides navigation: portals, proxies, workers, frozen and hidden tabs, the application's own
// requests, no network. Each returns a time in milliseconds, or fails with a sentence.

import { bufferStream, refuseUpgrades } from "./front.mjs"

/**
 * @typedef {import("./engine.mjs").Tab} Tab
 * @typedef {Awaited<ReturnType<typeof import("./front.mjs").openFront>>} Front
 * @typedef {{ tab: Tab, front: Front, engine: import("./engine.mjs").Engine, id: string }} Ground
 * @typedef {{ title: string, mostMs: number, only?: string[], run: (ground: Ground) => Promise<number> }} Situation
 * `mostMs` is what the measure may be at most; `only` are the engines that can do it.
 */

const PORTAL_MS = 6_000
const BACK_MS = 5_000
const RETRY_AFTER_S = 4
const SAY_MS = 40

/** Time that a person needs to fill in a form, in milliseconds. */
const LOGIN_MS = 25_000

/** @type {import("./front.mjs").Page} */
const REDIRECT = { status: 302, headers: { location: "http://portal.invalid/" } }

/**
 * A proxy whose server is away is come back to no later than after the time that it was away: it may be a restart, and
 * all come back at once.
 */
const AWAY_MS = 1.2 * PORTAL_MS

/** @type {Record<string, { page: import("./front.mjs").Page, code: string, mostMs: number }>} */
const PORTALS = {
  "a login page (200)": { page: { status: 200 }, code: "captive-portal", mostMs: BACK_MS },
  "a redirect (302)": { page: REDIRECT, code: "redirected", mostMs: BACK_MS },
  "a page with 502": { page: { status: 502 }, code: "refused", mostMs: AWAY_MS },
  "a page with 503": { page: { status: 503 }, code: "rate-limited", mostMs: AWAY_MS },
  "a page with 511": { page: { status: 511 }, code: "captive-portal", mostMs: BACK_MS },
}

/** @type {Situation[]} */
export const SITUATIONS = [
  ...Object.entries(PORTALS).flatMap(([name, { page, code, mostMs }]) => [
    {
      title: `${name} takes the place of answers for ${PORTAL_MS / 1_000} s: back after`,
      mostMs,
      /** @param {Ground} ground */
      async run(ground) {
        await talking(ground)
        const portal = { answer: () => page }
        return await interrupted(ground, portal, PORTAL_MS, code)
      },
    },
    {
      title: `${name} is there from the start: open after`,
      mostMs,
      /** @param {Ground} ground */
      async run(ground) {
        ground.front.trouble = { answer: () => page }
        await opened(ground)
        await later(PORTAL_MS)
        await told(ground, code)
        ground.front.trouble = {}
        const since = performance.now()
        await isOpen(ground, 2 * BACK_MS)
        return performance.now() - since
      },
    },
  ]),
  {
    title: `a redirect (302) takes the place of answers for ${LOGIN_MS / 1_000} s: back after`,
    mostMs: BACK_MS,
    async run(ground) {
      await talking(ground)
      return await interrupted(ground, { answer: () => REDIRECT }, LOGIN_MS, "redirected")
    },
  },
  {
    title: `a page with 429 and Retry-After: ${RETRY_AFTER_S}, which is obeyed: back after the wait and`,
    mostMs: BACK_MS,
    async run(ground) {
      const { front } = ground
      await talking(ground)
      let answeredAt = 0
      const page = { status: 429, headers: { "retry-after": `${RETRY_AFTER_S}` } }
      front.trouble = {
        answer(_, isUpgrade) {
          // A page cannot read the HTTP answer to its upgrade.
          if (!isUpgrade) answeredAt ||= performance.now()
          return page
        },
      }
      front.cut()
      if (!(await until(() => answeredAt > 0, BACK_MS))) throw new Error("no request came")
      front.asked.length = 0
      await later(RETRY_AFTER_S * 1_000)
      const early = front.asked.filter((at) => at > answeredAt + 400 && at < answeredAt + RETRY_AFTER_S * 1_000 - 20)
      if (early.length > 0) throw new Error(`${early.length} requests came before Retry-After was over`)
      await told(ground, "rate-limited")
      front.trouble = {}
      const since = performance.now()
      await isOpen(ground, 2 * BACK_MS)
      const ms = performance.now() - since
      await nothingLost(ground)
      return ms
    },
  },
  {
    title: "bodies above 8 kB are answered 413, as a page: 100 kB there and back after",
    mostMs: BACK_MS,
    async run(ground) {
      ground.front.trouble = {
        answer: (request, isUpgrade) =>
          isUpgrade
            ? { status: 413 }
            : Number(request.headers["content-length"] ?? 0) > 8_192
              ? { status: 413 }
              : undefined,
      }
      await talking(ground)
      const ms = await ground.tab.evaluate(`channel.echo("x".repeat(100_000))`)
      await nothingLost(ground)
      return ms
    },
  },
  {
    title: "a proxy keeps streams back until they end, without WebSocket: the first answer after",
    mostMs: 3_000,
    async run(ground) {
      ground.front.trouble = { answer: refuseUpgrades, passed: bufferStream }
      return await talks(ground)
    },
  },
  {
    title: "a proxy keeps streams back until 4 kB, with WebSocket gone later: back after",
    // The WebSocket worked a moment ago, so for 2 s the channel assumes that the server is away and dials nothing else.
    mostMs: 2 * BACK_MS,
    async run(ground) {
      await talking(ground)
      ground.front.trouble = { answer: refuseUpgrades, passed: bufferStream }
      ground.front.cut()
      const since = performance.now()
      await ground.tab.evaluate(`channel.echo()`)
      const ms = performance.now() - since
      await nothingLost(ground)
      return ms
    },
  },
  ...["dedicated", "shared", "service"].flatMap((kind) =>
    ["websocket", "sse", "long-poll", "short-poll"].map((transport) => ({
      title: `a ${kind} worker, ${transport}: the first answer after`,
      mostMs: 3_000,
      /** @param {Ground} ground */
      async run({ tab, front }) {
        await ready(tab, `${front.url}/page`)
        const options = JSON.stringify({ transports: [transport] })
        const found = await tab.evaluate(`page.inWorker(${JSON.stringify(kind)}, ${options})`)
        if (found.error) throw new Error(found.error)
        if (found.transport !== transport || found.status !== "closed") throw new Error(JSON.stringify(found))
        if (!(await until(() => front.ends.length > 0, 1_000))) throw new Error("the hub heard no goodbye")
        if (front.ends.some((code) => code !== "closed-by-peer")) throw new Error(`ended by ${front.ends}`)
        return found.ms
      },
    })),
  ),
  ...["websocket", "sse", "long-poll", "short-poll"].map((transport) => ({
    title: `frozen for 8 s, ${transport}: back after`,
    mostMs: 3_000,
    only: ["chromium"],
    /** @param {Ground} ground */
    async run(ground) {
      const { tab } = ground
      await talking(ground, { transports: [transport] })
      await tab.cdp?.("Page.setWebLifecycleState", { state: "frozen" })
      await later(8_000)
      await tab.cdp?.("Page.setWebLifecycleState", { state: "active" })
      return await back(ground)
    },
  })),
  {
    title: "a processor that is 20 times slower: the first answer after",
    mostMs: 2 * BACK_MS,
    only: ["chromium"],
    async run(ground) {
      await ready(ground.tab, `${ground.front.url}/page`)
      await ground.tab.cdp?.("Emulation.setCPUThrottlingRate", { rate: 20 })
      const ms = await talks(ground)
      await ground.tab.evaluate(`channel.say(${SAY_MS})`)
      await later(5_000)
      const { statuses } = await report(ground)
      const left = statuses.filter(({ status }) => status === "reconnecting")
      if (left.length > 0) throw new Error(`it was given up: ${JSON.stringify(left)}`)
      await ground.tab.cdp?.("Emulation.setCPUThrottlingRate", { rate: 1 })
      await nothingLost(ground)
      return ms
    },
  },
  {
    title: "four streams of the application, without WebSocket: the first answer after",
    mostMs: 3_000,
    async run(ground) {
      const { tab, front } = ground
      front.trouble = { answer: refuseUpgrades }
      await ready(tab, `${front.url}/page`)
      await tab.evaluate(`page.stream(4)`)
      const ms = await talks(ground)
      await tab.evaluate(`channel.say(${SAY_MS})`)
      await goesOn(ground, 8_000)
      await nothingLost(ground)
      return ms
    },
  },
  {
    title: "five streams of the application, without WebSocket: the first answer after",
    mostMs: 3_000,
    async run(ground) {
      const { tab, front } = ground
      front.trouble = { answer: refuseUpgrades }
      await ready(tab, `${front.url}/page`)
      await tab.evaluate(`page.stream(5)`)
      const ms = await talks(ground)
      await tab.evaluate(`channel.say(${SAY_MS})`)
      await goesOn(ground, 8_000)
      await nothingLost(ground)
      return ms
    },
  },
  ...["websocket", "sse", "long-poll", "short-poll"].flatMap((transport) => [
    {
      title: `the browser is offline for 6 s, ${transport}: back after`,
      mostMs: 3_000,
      only: ["chromium"],
      /** @param {Ground} ground */
      async run(ground) {
        const { tab } = ground
        await talking(ground, { transports: [transport] })
        await tab.cdp?.("Network.emulateNetworkConditions", { ...OFFLINE, offline: true })
        // This emulation does not affect open WebSockets.
        ground.front.trouble = { answer: () => ({ status: 502 }) }
        if (transport === "websocket") ground.front.cut()
        await later(6_000)
        ground.front.trouble = {}
        await tab.cdp?.("Network.emulateNetworkConditions", { ...OFFLINE, offline: false })
        return await back(ground)
      },
    },
    {
      title: `nobody is there for 6 s, then "online", ${transport}: back after`,
      mostMs: 3_000,
      /** @param {Ground} ground */
      async run(ground) {
        const { tab, front } = ground
        await talking(ground, { transports: [transport] })
        await front.goAway()
        await tab.evaluate(`dispatchEvent(new Event("offline"))`)
        await later(6_000)
        await front.comeBack()
        await tab.evaluate(`dispatchEvent(new Event("online"))`)
        return await back(ground)
      },
    },
  ]),
]

const OFFLINE = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }

/**
 * The page, and a channel in it.
 *
 * @param {Ground} ground
 */
async function opened({ tab, front }, options = {}) {
  await ready(tab, `${front.url}/page`)
  await tab.evaluate(`page.open(${JSON.stringify(options)})`)
}

/**
 * A channel that is open and says something all the time.
 *
 * @param {Ground} ground
 */
async function talking(ground, options = {}) {
  await opened(ground, options)
  await ground.tab.evaluate(`channel.echo()`)
  await ground.tab.evaluate(`channel.say(${SAY_MS})`)
  await later(300)
}

/**
 * How long a channel needs from its creation to its first answer.
 *
 * @param {Ground} ground
 */
async function talks(ground) {
  await opened(ground)
  return await ground.tab.evaluate(`channel.echo()`)
}

/**
 * @param {Ground} ground
 * @param {import("./front.mjs").Trouble} trouble
 * @param {number} ms
 * @param {string} code
 */
async function interrupted(ground, trouble, ms, code) {
  ground.front.trouble = trouble
  ground.front.cut()
  await later(ms)
  await told(ground, code)
  ground.front.trouble = {}
  const since = performance.now()
  await isOpen(ground, 2 * BACK_MS)
  const tookMs = performance.now() - since
  await nothingLost(ground)
  return tookMs
}

/**
 * Milliseconds until something said is answered again.
 *
 * @param {Ground} ground
 */
async function back(ground) {
  const since = performance.now()
  await ground.tab.evaluate(`channel.echo()`)
  const ms = performance.now() - since
  await nothingLost(ground)
  return ms
}

/**
 * @param {Ground} ground
 * @param {string} code
 */
async function told(ground, code) {
  const { codes, why } = await report(ground)
  if (!codes.includes(code)) throw new Error(`told as ${[...new Set(codes)]} (${why}), not as ${code}`)
}

/**
 * @param {Ground} ground
 * @param {number} withinMs
 */
async function isOpen(ground, withinMs) {
  const isThere = await until(async () => (await report(ground)).status === "open", withinMs)
  if (!isThere) throw new Error(`not open after ${withinMs} ms: ${(await report(ground)).why}`)
}

/**
 * Neither side has missed a message, or heard one twice.
 *
 * @param {Ground} ground
 */
async function nothingLost(ground) {
  const said = await ground.tab.evaluate(`channel.hush()`)
  const { ticks, resets, errors, peerId } = await report(ground)
  if (resets.length > 0) throw new Error(`the session was reset: ${resets}`)
  if (errors.length > 0) throw new Error(`errors: ${errors}`)
  const heard = ground.front.said.get(peerId) ?? []
  if (heard.length !== said || !isCounting(heard)) throw new Error(`${said} said, the hub heard ${heard.slice(-20)}`)
  if (ticks.length === 0 || !isCounting(ticks)) throw new Error(`the page heard ${ticks.slice(-20)}`)
}

/**
 * It hears something in every second of this time.
 *
 * @param {Ground} ground
 * @param {number} ms
 */
async function goesOn(ground, ms) {
  for (let before = 0, passed = 0; passed < ms; passed += 1_500) {
    await later(1_500)
    const { ticks, why } = await report(ground)
    if (ticks.length === before) throw new Error(`silent for 1.5 s after ${passed} ms: ${why}`)
    before = ticks.length
  }
}

/** @param {number[]} numbers */
function isCounting(numbers) {
  return numbers.every((number, at) => number === at + 1)
}

/** @param {Ground} ground */
function report({ tab }) {
  return tab.evaluate(`channel.report()`)
}

/**
 * @param {Tab} tab
 * @param {string} url
 */
async function ready(tab, url) {
  await tab.goto(url)
  await until(() => tab.evaluate(`globalThis.page?.isThere`).catch(() => false), BACK_MS)
}

/**
 * @param {() => boolean | Promise<boolean>} claim
 * @param {number} withinMs
 */
async function until(claim, withinMs) {
  const deadline = performance.now() + withinMs
  while (!(await claim())) {
    if (performance.now() > deadline) return false
    await later(10)
  }
  return true
}

/** @param {number} ms */
function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
