// Requests that are hostile in their path, headers or method, or in how they are written to the connection.

import { ask, bodyOf, hello } from "../attack.ts"
import { answerOf, breakOff, greet, headOf, type Input, POSTS, post, request, upgradeHead, write } from "./input.ts"
import type { Lesson } from "./lessons.ts"

/** For each entry point: the method, the route, and the status for a valid request. */
const ROUTES = {
  sse: ["POST", "sse", "200"],
  "long-poll": ["POST", "long-poll", "200"],
  "short-poll": ["POST", "short-poll", "200"],
  stream: ["GET", "sse", "204"],
  preflight: ["OPTIONS", "sse", "204"],
  elsewhere: ["POST", "pigeon", "404"],
  upgrade: ["GET", "websocket", "101"],
} as const
type Route = keyof typeof ROUTES
const PLACES = Object.keys(ROUTES) as Route[] // The keys of ROUTES.

const greeting = (): string => bodyOf({ up: 1, poll: 1 }, hello())

/** A valid request as text on the wire, with the given changes. */
function wireOf(place: Route, { query = "", headers = {}, path }: Changed = {}): string {
  const [method, route] = ROUTES[place]
  const target = path ?? `/everwire/${route}${query}`
  if (place === "upgrade") return upgradeHead(headers, target)
  const body = method === "POST" ? greeting() : ""
  const length = body === "" ? undefined : String(Buffer.byteLength(body))
  return headOf(target, { "Content-Length": length, ...headers }, method) + body
}
interface Changed {
  readonly query?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** One input for each of these entry points, written to a connection. */
function onRoutes(
  lesson: Lesson,
  places: readonly Route[],
  title: string,
  change: Changed,
  outcome: string | ((place: Route) => string) = (place) => ROUTES[place][2],
): Input[] {
  return places.map((place) => ({
    lesson,
    place,
    title,
    outcome: typeof outcome === "string" ? outcome : outcome(place),
    run: (arena) => write(arena, wireOf(place, change)),
  }))
}

const QUERIES = [
  "?transport=constructor&EIO=4",
  "?ticket=%ff%fe",
  "?ticket[toString]=1&ticket=__proto__",
  `?${"a=b&".repeat(1_000)}`,
  "?%00=%00#",
]

const queries = QUERIES.flatMap((query) =>
  onRoutes("a query that nobody expects", PLACES, `with ${query.slice(0, 40)}`, { query }),
)

/** An answer must not contain any text of the request: not its query, its path or a callback's name. */
const reflected: readonly Input[] = (["sse", "stream", "long-poll", "short-poll", "elsewhere", "upgrade"] as const).map(
  (place) => ({
    lesson: "the request's own text in the answer",
    place,
    title: "a function to be called with the answer",
    outcome: "nothing of it",
    async run({ url }) {
      const [method, route] = ROUTES[place]
      const mark = "evilMark<script>"
      const headers = { "x-evil": mark, referer: `http://x/${mark}`, "access-control-request-headers": mark }
      const answer = await ask(`${url}/${route}?c=${encodeURIComponent(mark)}&callback=evilMark`, {
        method: place === "upgrade" ? "POST" : method,
        headers,
        ...(method === "POST" && { body: `@{"up":1,"evilMark":1}` }),
      })
      return /evilMark/.test(answer.body + JSON.stringify(answer.headers)) ? answer.body : "nothing of it"
    },
  }),
)

const PATHS: readonly (readonly [title: string, path: (route: string) => string, status?: string])[] = [
  ["below the route", (route) => `/everwire/${route}/x`],
  ["with a slash behind it", (route) => `/everwire/${route}/`],
  ["in upper case", (route) => `/everwire/${route.toUpperCase()}`],
  ["with two slashes in it", (route) => `/everwire//${route}`],
  ["with a slash that is encoded", (route) => `/everwire%2f${route}`],
  ["that goes up and down again", (route) => `/everwire/x/../${route}`],
  ["with a parameter", (route) => `/everwire/${route};a=b`],
  ["that begins like it", (route) => `/everwirex/${route}`],
  ["with an end of its own", (route) => `/everwire/${route}%00`],
  ["with a space that is encoded", (route) => `/everwire/${route}%20`],
]
const paths = PATHS.flatMap(([title, path]) =>
  (["upgrade", "sse", "stream", "long-poll", "short-poll", "elsewhere"] as const).flatMap((place) =>
    onRoutes("a path that only looks like one", [place], `a path ${title}`, { path: path(ROUTES[place][1]) }, "404"),
  ),
)

const UPGRADES: readonly (readonly [title: string, headers: Readonly<Record<string, string>>])[] = [
  ["to a WebSocket", { Connection: "Upgrade", Upgrade: "websocket" }],
  [
    "to a WebSocket, with its headers",
    {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  ],
  ["to something else", { Connection: "Upgrade", Upgrade: "h2c" }],
  ["to several things", { Connection: "keep-alive, Upgrade", Upgrade: "h2c, websocket, constructor" }],
  ["to nothing", { Connection: "Upgrade", Upgrade: "" }],
]
const plain = ["sse", "stream", "long-poll", "short-poll", "preflight", "elsewhere"] as const
/** A WebSocket upgrade on another route is answered 404. Any other upgrade is ignored (RFC 9110, section 7.8). */
const upgradesElsewhere = UPGRADES.flatMap(([title, headers]) =>
  onRoutes("an upgrade where there is none", plain, `an upgrade ${title}`, { headers }, (place) => {
    if (!headers["Upgrade"]?.includes("websocket")) return ROUTES[place][2]
    return "404"
  }),
)
const oddUpgrades = [
  ["without a key", { "Sec-WebSocket-Key": "" }, "400"],
  ["with a key that is none", { "Sec-WebSocket-Key": "x" }, "400"],
  ["of a version nobody speaks", { "Sec-WebSocket-Version": "7" }, "400"],
  ["of a version that is a name", { "Sec-WebSocket-Version": "constructor" }, "400"],
  ["to something else", { Upgrade: "h2c" }, "426"],
  ["to several things", { Upgrade: "h2c, websocket" }, "400"],
].map(
  ([title, headers, outcome]): Input => ({
    lesson: "an upgrade where there is none",
    place: "upgrade",
    title: `a handshake ${title as string}`,
    outcome: outcome as string, // The columns of the table have these types.
    run: (arena) => write(arena, upgradeHead(headers as Record<string, string>)),
  }),
)
const methodsOfUpgrade = ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"].map(
  (method): Input => ({
    lesson: "an upgrade where there is none",
    place: "upgrade",
    title: `a handshake by ${method}`,
    outcome: "405",
    run: (arena) => write(arena, upgradeHead({}, undefined, method)),
  }),
)

const TRICKY = [
  ["an extension called constructor", { "Sec-WebSocket-Extensions": "constructor" }, "101"],
  [
    "an extension with a parameter called __proto__",
    { "Sec-WebSocket-Extensions": "x; __proto__=1; __proto__" },
    "101",
  ],
  ["an extension that is broken", { "Sec-WebSocket-Extensions": "permessage-deflate; ;" }, "101"],
  ["an extension of many blanks", { "Sec-WebSocket-Extensions": `a${" ".repeat(10_000)}b` }, "101"],
  ["an extension of quotes that never end", { "Sec-WebSocket-Extensions": `a; b="${'\\"'.repeat(4_000)}` }, "101"],
  ["a subprotocol of many blanks", { "Sec-WebSocket-Protocol": `everwire${" ".repeat(10_000)}x` }, "400"],
  ["a subprotocol of commas", { "Sec-WebSocket-Protocol": ",".repeat(10_000) }, "400"],
  ["a subprotocol twice", { "Sec-WebSocket-Protocol": "everwire, everwire" }, "400"],
  ["a subprotocol called constructor", { "Sec-WebSocket-Protocol": "constructor, __proto__" }, "101"],
  ["a hello that cannot be decoded", { "Sec-WebSocket-Protocol": "everwire, h%7" }, "101"],
  ["a hello that is none", { "Sec-WebSocket-Protocol": "everwire, h%7B%7D" }, "101"],
].map(
  ([title, headers, outcome]): Input => ({
    lesson: "headers that a parser stumbles over",
    place: "upgrade",
    title: title as string,
    outcome: outcome as string, // The columns of the table have these types.
    run: (arena) => write(arena, upgradeHead(headers as Record<string, string>)),
  }),
)

const envelopesInHeaders: readonly Input[] = (["long-poll", "short-poll"] as const).flatMap((place) =>
  [
    ["empty", ""],
    ["garbage", "garbage"],
    ["no JSON", "@{"],
    ["null", "@null"],
    ["a first request", bodyOf({ up: 1 })],
    ["without a link", bodyOf({ poll: 2 })],
    ["long", bodyOf({ poll: 1, link: "x".repeat(4_000) })],
    ["of blanks", `@{${" ".repeat(8_000)}}`],
    ["of a number that cannot be made a text", bodyOf({ link: "x", up: { toString: 1 } })],
    ["of a text for a number", bodyOf({ link: "x", poll: "2" })],
    ["of a list for a number", bodyOf({ link: "x", poll: [2] })],
  ].map(
    ([title, everwire = ""]): Input => ({
      lesson: "headers that a parser stumbles over",
      place,
      title: `an envelope in the header that is ${title}`,
      outcome: "400 protocol-error",
      run: (arena) => post(arena, place, "", { everwire }),
    }),
  ),
)

const MANY = Array.from({ length: 2_500 }, (_, n) => `a${n}: b\r\n`).join("")
const missing: readonly Input[] = [
  // Node drops the headers after the first 2 000.
  ...PLACES.map(
    (place): Input => ({
      lesson: "a header that is not there",
      place,
      title: "all of them, behind 2 500 others",
      outcome: "400",
      run: (arena) => write(arena, wireOf(place).replace("\r\n", `\r\n${MANY}`)),
    }),
  ),
  ...PLACES.map(
    (place): Input => ({
      lesson: "a header that is not there",
      place,
      title: "all but the Host, behind 2 500 others",
      outcome: place === "upgrade" ? "426" : ROUTES[place][2],
      run: (arena) => write(arena, wireOf(place).replace("Host: x\r\n", `Host: x\r\n${MANY}`)),
    }),
  ),
  ...onRoutes(
    "a header that is not there",
    PLACES,
    "because there is no Host",
    { headers: { Host: undefined } },
    (place) => (place === "upgrade" ? "101" : "400"),
  ),
  {
    lesson: "a header that is not there",
    place: "upgrade",
    title: "because there is no Host, at a hub that was given its hosts",
    outcome: "403",
    options: () => ({ hosts: ["hub.example"] }),
    run: (arena) => write(arena, upgradeHead({ Host: undefined })),
  },
  ...(["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] as const).map(
    (name): Input => ({
      lesson: "a header that is not there",
      place: "upgrade",
      title: `an upgrade without ${name}`,
      outcome: name.startsWith("Sec") ? "400" : "426",
      // It looks like an upgrade that passed middleware, and the hub reports that to `onError` once.
      told: name === "Connection" ? ["misuse"] : [],
      run: (arena) => write(arena, upgradeHead({ [name]: undefined })),
    }),
  ),
]

const TYPES = [
  "application/x-evil",
  "multipart/form-data; boundary=x",
  "text/html",
  "application/json",
  "application/octet-stream",
  ';;;="',
  "é",
]
const refusedTypes: readonly Input[] = TYPES.flatMap((type) => [
  ...POSTS.map(
    (place): Input => ({
      lesson: "a refusal that is never sent",
      place,
      title: `garbage of type ${type}`,
      outcome: "400",
      run: (arena) =>
        write(arena, `${headOf(`/everwire/${place}`, { "Content-Type": type, "Content-Length": "7" }, "POST")}garbage`),
    }),
  ),
  ...onRoutes("a refusal that is never sent", ["elsewhere"], `a hello of type ${type}`, {
    headers: { "Content-Type": type },
  }),
])
const methods: readonly Input[] = ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"].flatMap((method) =>
  (["sse", "long-poll", "short-poll", "elsewhere"] as const).map(
    (place): Input => ({
      lesson: "a refusal that is never sent",
      place,
      title: `a body by ${method}`,
      outcome: method === "BREW" ? "400" : place === "elsewhere" ? "404" : "405",
      run: (arena) =>
        write(arena, `${headOf(`/everwire/${ROUTES[place][1]}`, { "Content-Length": "7" }, method)}garbage`),
    }),
  ),
)

/** Cookies without any header that says which page sent them. No content type makes such a request acceptable. */
const untyped: readonly Input[] = (["sse", "long-poll", "short-poll", "elsewhere"] as const).flatMap((place) =>
  [undefined, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "evil"].map(
    (type): Input => ({
      lesson: "no content type, no check",
      place,
      title: `cookies and ${type === undefined ? "no content type" : `a content type of "${type}"`}`,
      outcome: "403",
      run: (arena) => write(arena, wireOf(place, { headers: { Cookie: "session=1", "Content-Type": type } })),
    }),
  ),
)

const MIB = 1_048_576
const lies: readonly Input[] = POSTS.flatMap((place) => {
  const target = `/everwire/${place}`
  const chunked = (body: string): string => headOf(target, { "Transfer-Encoding": "chunked" }, "POST") + body
  const told = (length: string, body = greeting()): string =>
    headOf(target, { "Content-Length": length }, "POST") + body
  const rows: readonly (readonly [title: string, bytes: () => string, outcome: string])[] = [
    ["less than there is", () => told("1"), "400"],
    ["more than there is", () => told("9000"), "400"],
    ["a negative one", () => told("-1"), "400"],
    ["one with a sign", () => told("+5"), "400"],
    ["one in another notation", () => told("1e3"), "400"],
    ["a name", () => told("constructor"), "400"],
    ["two of them", () => headOf(target, { "Content-Length": "5", "content-length": "6" }, "POST"), "400"],
    [
      "one beside chunks",
      () => headOf(target, { "Content-Length": "5", "Transfer-Encoding": "chunked" }, "POST"),
      "400",
    ],
    ["chunks of a negative size", () => chunked("-1\r\nx\r\n0\r\n\r\n"), "400"],
    ["a chunk that is huge", () => chunked(`ffffffffffffffff1\r\nx`), "400"],
    ["chunks in another coding", () => headOf(target, { "Transfer-Encoding": "chunked, gzip" }, "POST"), "400"],
    [
      "none, of 2 MiB in chunks",
      () => chunked(`${(2 * MIB).toString(16)}\r\n${"x".repeat(2 * MIB)}\r\n0\r\n\r\n`),
      "413",
    ],
    ["2 MiB", () => told(String(2 * MIB), "x".repeat(2 * MIB)), "413"],
  ]
  return rows.map(
    ([title, bytes, outcome]): Input => ({
      lesson: "a length that lies",
      place,
      title,
      outcome,
      run: (arena) => write(arena, bytes()),
    }),
  )
})

const broken: readonly Input[] = (
  ["upgrade", "sse", "stream", "long-poll", "short-poll", "elsewhere"] as const
).flatMap((place) => {
  const rows: readonly (readonly [title: string, bytes: () => string, isAnswered?: boolean])[] = [
    ["in its head", () => wireOf(place).slice(0, 40)],
    ["behind its head", () => `${wireOf(place).split("\r\n\r\n", 1)[0]}\r\n\r\n`],
    ["when it is complete", () => wireOf(place)],
    ["when it is answered", () => wireOf(place), true],
    ["four at a time", () => wireOf(place).repeat(4)],
  ]
  return rows.map(
    ([title, bytes, isAnswered]): Input => ({
      lesson: "a connection that breaks in the middle",
      place,
      title,
      outcome: "broken off",
      run: (arena) => breakOff(arena, bytes(), isAnswered),
    }),
  )
})

/** Ids of links and tickets that an attacker guesses or invents. */
const guesses: readonly Input[] = [
  "1",
  "",
  "__proto__",
  "constructor",
  "x".repeat(64),
  "raw-session-000000000001",
].flatMap((guess) => [
  ...POSTS.map(
    (place): Input => ({
      lesson: "ids that can be guessed",
      place,
      title: `the link "${guess.slice(0, 30)}"`,
      outcome: "404 link-unknown",
      run: (arena) => post(arena, place, bodyOf({ link: guess, up: 2 }, "a0")),
    }),
  ),
  {
    lesson: "ids that can be guessed" as const,
    place: "stream" as const,
    title: `the ticket "${guess.slice(0, 30)}"`,
    outcome: "204",
    run: (arena) => request(arena, `sse?ticket=${guess}`, "GET"),
  },
])

/** Upload and poll numbers that no channel would send. */
const outOfOrder: readonly Input[] = [
  ...POSTS.map(
    (place): Input => ({
      lesson: "a request out of its order",
      place,
      title: "an upload beyond those that may be in flight",
      outcome: "200 protocol-error",
      async run(arena) {
        const { link } = await greet(arena, place)
        return post(arena, place, bodyOf({ link, up: 5 }, "n1\nmx\t1"))
      },
    }),
  ),
  ...(["long-poll", "short-poll"] as const).flatMap((place) => [
    ...[0, 5, 99].map(
      (poll): Input => ({
        lesson: "a request out of its order",
        place,
        title: `the poll ${poll} behind the first`,
        outcome: "409 refused",
        async run(arena) {
          const { link } = await greet(arena, place)
          return post(arena, place, bodyOf({ link, poll }))
        },
      }),
    ),
    ...["p7", "n1\nmx\t1", "a0\nz", 't{"turn":9}', ""].map(
      (batch): Input => ({
        lesson: "a request out of its order",
        place,
        title: `a poll that brings ${JSON.stringify(batch)} beside the uploads`,
        outcome: "400 protocol-error, then 200",
        async run(arena) {
          const { link } = await greet(arena, place)
          const first = await post(arena, place, bodyOf({ link, poll: 2 }, batch))
          return `${first}, then ${await post(arena, place, bodyOf({ link, up: 2, poll: 2 }, "p8"))}`
        },
      }),
    ),
  ]),
]

/** A page of another site asks for more than it may: the origin that comes back is its own alone, and never with `Vary`'s will. */
const CORS: readonly (readonly [title: string, headers: Record<string, string>])[] = [
  ["a foreign page with cookies", { origin: "https://evil.example", cookie: "session=1" }],
  [
    "a foreign page that asks for headers of its own",
    { origin: "https://evil.example", "access-control-request-headers": "vary, set-cookie", vary: "*" },
  ],
  ["a page of no origin", { origin: "null" }],
]
const cors: readonly Input[] = CORS.flatMap(([title, headers]) =>
  (["sse", "stream", "long-poll", "short-poll", "preflight", "elsewhere"] as const).map(
    (place): Input => ({
      lesson: "a page reads what it may not",
      place,
      title,
      outcome: place === "preflight" ? "403 origin-refused; nothing" : "403 origin-refused; its refusal",
      async run({ url }) {
        const [method, route] = ROUTES[place]
        const answer = await ask(`${url}/${route}`, { method, headers, ...(method === "POST" && { body: greeting() }) })
        const {
          "access-control-allow-origin": origin,
          "access-control-allow-credentials": credentials,
          vary,
        } = answer.headers
        const isOwn = origin === headers["origin"] && credentials === undefined && vary === "Origin"
        return `${answerOf(answer)}; ${isOwn ? "its refusal" : origin === undefined ? "nothing" : `${origin} ${credentials} ${vary}`}`
      },
    }),
  ),
)

export const requests: readonly Input[] = [
  ...queries,
  ...reflected,
  ...paths,
  ...upgradesElsewhere,
  ...oddUpgrades,
  ...methodsOfUpgrade,
  ...TRICKY,
  ...envelopesInHeaders,
  ...missing,
  ...refusedTypes,
  ...methods,
  ...untyped,
  ...lies,
  ...broken,
  ...guesses,
  ...outOfOrder,
  ...cors,
]
