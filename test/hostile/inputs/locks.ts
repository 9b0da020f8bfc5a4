// Who is admitted: each transport checks the same, for any session that a hello names, up to the limits of kept
// sessions.

import { EverwireError } from "everwire"
import type { NodeHubOptions } from "everwire/node"
import type { Arena } from "../arena.ts"
import { ask, bodyOf, envelopeOf, hello, openTcp } from "../attack.ts"
import { answerOf, greet, type Input, LINKS, post, sayFirst, upgradeHead } from "./input.ts"

type Link = (typeof LINKS)[number]

/** Sends a hello over this transport, and returns how it is answered. */
function sayHello(arena: Arena, place: Link | "upgrade", fields: Record<string, unknown> = {}): Promise<string> {
  if (place === "upgrade") return offerHello(arena, hello(fields))
  if (place === "websocket") return sayFirst(arena, hello(fields))
  if (place === "sse") return greetStream(arena, hello(fields))
  return post(arena, place, bodyOf({ up: 1, poll: 1 }, hello(fields)))
}

/** Over SSE a refusal is in the answer to the hello or, when it came later, in the stream. */
async function greetStream({ url, port }: Arena, said: string): Promise<string> {
  const answer = await ask(`${url}/sse`, { body: bodyOf({ up: 1 }, said) })
  if (answer.code !== undefined) return answerOf(answer)
  const { ticket } = envelopeOf(answer) as { ticket: string } // Every answer to a hello has these fields.
  const { socket, text } = await openTcp(port)
  const told = new Promise((resolve) => socket.on("data", () => /data:[wb]\{.*\n/.test(text()) && resolve(true)))
  socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.0\r\nHost: x\r\n\r\n`)
  await told
  socket.destroy()
  const code = /data:b\{"code":"([\w-]+)"/.exec(text())?.[1]
  return code === undefined ? "200" : `200 ${code}`
}

/** Sends a hello in the WebSocket handshake, as a second subprotocol. */
async function offerHello({ port }: Arena, said: string): Promise<string> {
  const { socket, text } = await openTcp(port)
  const told = new Promise((resolve) =>
    socket.on("data", () => /\r\n\r\n[\s\S]*(w\{|b\{[^}]*\})/.test(text()) && resolve(text())).on("close", resolve),
  )
  const offered = encodeURIComponent(said).replace(/[()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  socket.write(upgradeHead({ "Sec-WebSocket-Protocol": `everwire, ${offered}` }))
  await told
  socket.destroy()
  return /b\{"code":"([\w-]+)"/.exec(text())?.[1] ?? "let in"
}

/** An `authenticate` that admits the healthy channel, which comes first, and runs `judged` for all others. */
const judge = (judged: () => unknown) => (): NodeHubOptions => {
  let isFirst = true
  return {
    authenticate: () => {
      const verdict = isFirst ? { id: "healthy" } : judged()
      isFirst = false
      return verdict as { id: string } // Untyped JavaScript can return this.
    },
  }
}

const VERDICTS: readonly (readonly [title: string, judged: () => unknown, told: readonly string[]])[] = [
  ["says null", () => null, []],
  ["says nothing", () => undefined, []],
  ["says false, in a promise", () => Promise.resolve(false), []],
  [
    "throws",
    () => {
      throw new EverwireError("unauthorized", "sign in first")
    },
    [],
  ],
  ["rejects", () => Promise.reject(new EverwireError("unauthorized", "sign in first")), []],
  ["gives a number for an id", () => ({ id: 7 }), ["misuse"]],
  ["says true", () => true, ["misuse"]],
]

const locked: readonly Input[] = VERDICTS.flatMap(([title, judged, told]) =>
  (["upgrade", ...LINKS] as const).map(
    (place): Input => ({
      lesson: "a door without the lock of the others",
      place,
      title: `a hello, where authenticate ${title}`,
      outcome: place === "upgrade" ? "unauthorized" : place === "websocket" ? "4001 unauthorized" : "200 unauthorized",
      options: judge(judged),
      told,
      run: (arena) => sayHello(arena, place),
    }),
  ),
)

/** Sessions that are begun and left. The hub keeps them for a resume, up to its limits. */
const kept: readonly Input[] = LINKS.flatMap((place) => {
  const refused = place === "websocket" ? "4000 over-capacity" : "200 over-capacity"
  const row = (title: string, limits: NodeHubOptions["limits"], first: Record<string, unknown> = {}): Input => ({
    lesson: "what may be resumed is kept",
    place,
    title,
    outcome: refused,
    options: () => ({ limits }),
    async run(arena) {
      for (let times = 0; times < 5; times++) await sayHello(arena, place, first)
      return sayHello(arena, place)
    },
  })
  return [
    row("one session more than the hub keeps", { maxSessions: 6 }),
    row("one session more than the hub keeps of an address", { maxSessionsPerAddress: 6 }),
    row(
      "one more than may wait to be resumed, each with a holder of its own",
      { maxSessions: 6 },
      { holder: "x".repeat(24) },
    ),
  ]
})

/** Another client's session: the attacker knows its id but not its key. */
const stolen: readonly Input[] = LINKS.flatMap((place) =>
  [
    ["a wrong key", { key: "not-the-key-of-this-one1" }],
    ["a key that only begins like it", { key: "somebody-elses-secret-01x" }],
    ["its id for a key", { key: "somebody-elses-session-1" }],
    ["a wrong key and a later turn", { key: "not-the-key-of-this-one1", turn: 9 }],
  ].map(
    ([title, fields]): Input => ({
      lesson: "what may be resumed is kept",
      place,
      title: `somebody else's session, by ${title as string}`,
      outcome: place === "websocket" ? "4001 session-forbidden" : "200 session-forbidden",
      async run(arena) {
        const id = "somebody-elses-session-1"
        await post(arena, "long-poll", bodyOf({ up: 1, poll: 1 }, hello({ id, key: "somebody-elses-secret-01" })))
        return sayHello(arena, place, { id, ...(fields as Record<string, unknown>) })
      },
    }),
  ),
)

const SEPARATORS = [
  "\r",
  "\n",
  "\r\n",
  "\0",
  "\u2028",
  "\u2029",
  "\u0085",
  "\r\n\r\nevent: evil\r\ndata: ",
  "\nid: evil\nretry: 1\n",
]

/** A peer makes the hub send this text down a stream. No character of it may end a line of the stream. */
const fields: readonly Input[] = SEPARATORS.flatMap((separator) =>
  (["a payload", "the code of a failure", "a name that nothing handles"] as const).map((where): Input => {
    const text = JSON.stringify(`a${separator}evil`)
    const packet = {
      "a payload": `q1\techo\t${text}`,
      "the code of a failure": `n1\nq1\techo\t${text}`.slice(3),
      "a name that nothing handles": `q1\tno${separator.replaceAll(/[\n\t]/g, " ")}body\t1`,
    }[where]
    return {
      lesson: "a line break that begins a field",
      place: "stream",
      title: `${JSON.stringify(separator)} in ${where}`,
      outcome: "data lines alone",
      async run(arena) {
        const { link, ticket } = await greet(arena, "sse")
        const { socket, text: came } = await openTcp(arena.port)
        const answered = new Promise((resolve) => socket.on("data", () => /data:[rx]1\t/.test(came()) && resolve(true)))
        socket.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.0\r\nHost: x\r\n\r\n`)
        await post(arena, "sse", bodyOf({ link, up: 2 }, `n1\n${packet}`))
        await answered
        socket.destroy()
        const [, ...stream] = came().split("\r\n\r\n")
        const lines = stream.join("\r\n\r\n").split(/\r\n|\n|\r/)
        const odd = lines.filter((line) => line !== "" && !/^data:[@wnarxp]/.test(line))
        return odd.length === 0 ? "data lines alone" : JSON.stringify(odd)
      },
    }
  }),
)

export const locks: readonly Input[] = [...locked, ...kept, ...stolen, ...fields]
