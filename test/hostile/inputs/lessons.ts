// Known mistakes of other projects: the advisories of Socket.IO, Engine.IO, SockJS, Faye, ws, SignalR and related
// servers and parsers, grouped by mistake.

/** Where an input is sent: the route of a request, a link of a transport, or a channel that a hostile server answers. */
export const PLACES = [
  "upgrade",
  "websocket",
  "sse",
  "stream",
  "long-poll",
  "short-poll",
  "preflight",
  "elsewhere",
  "channel",
] as const
export type Place = (typeof PLACES)[number]

interface LessonOf {
  /** Empty where no advisory is known for the mistake. */
  readonly advisories: readonly string[]
  /** Every place that the mistake could reach. The table has an input for each. */
  readonly reaches: readonly Place[]
}

const POSTS = ["sse", "long-poll", "short-poll"] as const
const LINKS = ["websocket", ...POSTS] as const
const REQUESTS = ["sse", "stream", "long-poll", "short-poll", "elsewhere"] as const

export const LESSONS = {
  "ids that can be guessed": { advisories: ["CVE-2017-16031"], reaches: [...LINKS, "stream"] },
  "every origin is let in": { advisories: ["CVE-2020-28481"], reaches: ["upgrade", ...REQUESTS, "preflight"] },
  "one large message fills the memory": {
    advisories: ["CVE-2020-36048", "CVE-2020-36049", "CVE-2016-10542"],
    reaches: LINKS,
  },
  "what breaks the rules ends the process": { advisories: ["CVE-2022-21676"], reaches: [...LINKS, "upgrade"] },
  "a connection that breaks in the middle": { advisories: ["CVE-2022-41940"], reaches: ["upgrade", ...REQUESTS] },
  "a query that nobody expects": { advisories: ["CVE-2023-31125"], reaches: ["upgrade", ...REQUESTS, "preflight"] },
  "an upgrade where there is none": { advisories: ["CVE-2020-7693"], reaches: ["upgrade", ...REQUESTS, "preflight"] },
  "a name that means something to the program": { advisories: ["CVE-2024-38355"], reaches: LINKS },
  "something else than a text or a count": { advisories: ["CVE-2023-32695"], reaches: LINKS },
  "a placeholder that points elsewhere": { advisories: ["CVE-2022-2421"], reaches: LINKS },
  "a promise of more to come": { advisories: ["CVE-2026-33151"], reaches: LINKS },
  "headers that a parser stumbles over": {
    advisories: ["GHSA-5v72-xg48-5rpm", "CVE-2021-32640", "CVE-2020-7662"],
    reaches: ["upgrade", "long-poll", "short-poll"],
  },
  "a header that is not there": { advisories: ["CVE-2024-37890"], reaches: ["upgrade", ...REQUESTS, "preflight"] },
  "memory that was never written": { advisories: ["CVE-2016-10518", "CVE-2026-45736"], reaches: ["websocket"] },
  "many small pieces": { advisories: ["CVE-2026-48779"], reaches: LINKS },
  "a refusal that is never sent": { advisories: ["GHSA-r635-g3xr-vw7x"], reaches: [...POSTS, "elsewhere"] },
  "state before the handshake is over": { advisories: ["GHSA-gr94-w7qr-f4j3"], reaches: LINKS },
  "a door without the lock of the others": {
    advisories: ["engine.io d1f5aa93", "GHSA-c4j6-fc7j-m34r"],
    reaches: ["upgrade", ...LINKS],
  },
  "a path that only looks like one": { advisories: ["CVE-2020-11020"], reaches: ["upgrade", ...REQUESTS] },
  "a server that is not who it says": { advisories: ["CVE-2016-10536", "CVE-2020-15134"], reaches: ["channel"] },
  "credentials that follow a redirect": { advisories: ["CVE-2022-1650"], reaches: ["channel"] },
  "a line break that begins a field": {
    advisories: ["GHSA-p6xx-57qc-3wxr", "CVE-2026-44214", "CVE-2026-44217", "GHSA-4hxc-9384-m385"],
    reaches: ["stream"],
  },
  "a length that lies": { advisories: ["CVE-2026-44456"], reaches: POSTS },
  "a page reads what it may not": {
    advisories: ["CVE-2026-54290", "GHSA-q7jf-gf43-6x6p"],
    reaches: [...REQUESTS, "preflight"],
  },
  "no content type, no check": { advisories: ["GHSA-2234-fmw7-43wr"], reaches: [...POSTS, "elsewhere"] },
  "what may be resumed is kept": {
    advisories: ["CVE-2026-56170", "CVE-2026-26130", "CVE-2024-21386", "CVE-2019-0982"],
    reaches: LINKS,
  },
  "the request's own text in the answer": { advisories: ["CVE-2020-8823"], reaches: [...REQUESTS, "upgrade"] },
  "a count that is none": { advisories: [], reaches: LINKS },
  "a version that nobody speaks": { advisories: [], reaches: LINKS },
  "a text that is none": { advisories: [], reaches: LINKS },
  "a request out of its order": { advisories: [], reaches: POSTS },
  "a payload that is nested deeply": { advisories: [], reaches: LINKS },
} as const satisfies Record<string, LessonOf>

export type Lesson = keyof typeof LESSONS
