// @ts-check
// Joins the chat room from a terminal: npm run chat -- http://127.0.0.1:PORT [nick]

import { createInterface } from "node:readline"
import { styleText } from "node:util"
import { createChannel } from "everwire"
import { randomNick } from "./nicknames.mjs"

/** @typedef {import("./contract.ts").Chat} Chat */

const [address, nick = randomNick()] = process.argv.slice(2)
if (address === undefined) {
  console.error("usage: npm run chat -- http://127.0.0.1:PORT [nick], with the address that `npm start` prints")
  process.exit(64)
}
// The URL may be typed without a scheme.
const url = address.includes("://") ? address : `http://${address}`

const channel = /** @type {import("everwire").Channel<Chat>} */ (createChannel(url, { reprobeMs: [1000, 3000] }))
channel.send("join", { nick })

/** @type {string | undefined} */
let carrier
channel.onStatus((status, { transport, closing }) => {
  if (status === "open" && transport !== carrier) note(`carried by ${transport}`)
  else if (status === "closed") note(`closed: ${closing?.reason}`)
  else if (status !== "open") note(`${status}: ${closing?.reason}`)
  carrier = status === "open" ? transport : undefined
})

channel.onReset(({ messages }) => {
  const count = `what became of ${messages.length} messages is unknown`
  if (channel.status === "closed") return note(count)
  // The hub of a new session does not know this user's name yet.
  channel.send("join", { nick })
  note(`the hub began anew; ${count}`)
})

/** @type {Set<string>} */
const shown = new Set()
channel.on("lobby", ({ history, process }) => {
  history.forEach(show)
  if (process !== undefined) note(`kept by process ${process}`)
})
channel.on("chat", show)

let here = ""
channel.on("people", (people) => {
  const names = people.map((person) => person.nick).join(", ")
  if (names !== here) note(`here: ${names}`)
  here = names
})

const lines = createInterface({ input: process.stdin })
let key = 0
lines.on("line", (text) => {
  if (text.trim() !== "" && channel.status !== "closed") channel.send("chat", { text, key: ++key })
})
lines.on("close", () => void channel.close())
process.once("SIGINT", () => lines.close())

/** @param {import("./contract.ts").Saying} saying */
function show({ id, nick, text, peer }) {
  if (shown.has(id)) return
  shown.add(id)
  const own = peer === channel.peerId
  // Text of other users must not contain control characters, which could move the cursor or ring the bell.
  console.log(`${paint(own ? "dim" : "bold", `${printable(nick)}:`)} ${printable(text)}`)
}

/** @param {string} text */
function note(text) {
  console.log(paint("dim", `— ${printable(text)} —`))
}

/**
 * @param {"dim" | "bold"} style
 * @param {string} text
 */
function paint(style, text) {
  return process.stdout.isTTY ? styleText(style, text) : text
}

/** @param {string} text */
function printable(text) {
  return text.replace(/\p{Cc}/gu, "\u{FFFD}")
}
