// @ts-check
import { createChannel } from "everwire"
import { Conversation } from "./page/conversation.mjs"
import { element, input, show } from "./page/dom.mjs"
import { Flow } from "./page/flow.mjs"
import { Incidents } from "./page/incidents.mjs"
import { Ladder } from "./page/ladder.mjs"
import { Processes } from "./page/processes.mjs"
import { Proof } from "./page/proof.mjs"

/** @typedef {import("./contract.ts").Chat} Chat */

/** Interval of the numbered messages, in milliseconds: five a second go up, and five come down. */
const BEAT_MS = 200
const LOOK_MS = 250
const PING_MS = 1000

// Registered before the channel's own listener, so that the goodbye goes out while there still is a link.
addEventListener("pagehide", (event) => {
  if (!event.persisted) void channel.close({ flushMs: 0 })
})

// Better transports are dialed again soon, so that users can watch it. In production the defaults spare the server.
const options = { reprobeMs: [1000, 3000] }
const processes = new Processes(() => channel.transport)
const channel = /** @type {import("everwire").Channel<Chat>} */ (createChannel(processes.path, options))

const conversation = new Conversation({
  join: (nick) => channel.send("join", { nick }),
  say: (text, key) => channel.send("chat", { text, key }),
  isOwn: (peer) => peer === channel.peerId,
})
const ladder = new Ladder()
const incidents = new Incidents()
const proof = new Proof()
const flow = new Flow()

begin()

/** The first messages of every new session. */
function begin() {
  channel.send("join", { nick: conversation.nick })
  channel.send("count", { from: proof.begin() })
}

channel.on("lobby", ({ history, positions, process }) => {
  processes.setKeeper(process)
  conversation.remember(history)
  ladder.setPositions(positions)
})
channel.on("chat", (saying) => conversation.hear(saying))
channel.on("people", (people) => conversation.showPeople(people))
channel.on("positions", (positions) => ladder.setPositions(positions))
channel.on("beat", ({ n, heard }) => {
  proof.hear(n, heard)
  flow.note(channel.transport, heard.received)
})

setInterval(() => {
  if (channel.status !== "closed") channel.send("beat", { n: proof.say() })
}, BEAT_MS)

// — what is seen of the channel —

/** @type {string | undefined} */
let carrier

channel.onStatus((status, { transport, closing, retryInMs = 0 }) => {
  const retry = retryInMs > 0 ? `, next try in ${(retryInMs / 1000).toFixed(1)} s` : ""
  show(element("status"), status === "open" ? `open, over ${transport}` : `${status}${retry}`)
  element("status").title = closing?.reason ?? ""
  input("text").disabled = status === "closed"
  document.documentElement.dataset["status"] = status
  // The last figure was measured on a link that is gone.
  if (status !== "open") show(element("rtt"), "–")
  if (status !== "open" || transport === carrier) return look()
  if (carrier !== undefined) conversation.note(`carried by ${transport} from here`)
  carrier = transport
  look()
})

channel.onReset(({ messages }) => {
  conversation.doubt(messages.filter(({ name }) => name === "chat").map(({ data }) => Object(data).key))
  if (channel.status === "closed") return
  conversation.note("the hub has begun anew, and so does the count")
  begin()
})

show(element("command"), `npm run chat -- ${location.origin}`)
element("retry").addEventListener("click", () => channel.retry())

function look() {
  const explanation = channel.explain()
  const { transport, why, rungs } = explanation
  document.documentElement.dataset["transport"] = transport ?? "none"
  show(element("transport"), transport ?? "nothing")
  show(element("why"), why)
  ladder.show(rungs)
  incidents.show(explanation.incidents)
  processes.show()
  proof.show()
}
setInterval(look, LOOK_MS)
look()

/** Measures a request's round trip on the current link. It shows more than the channel's own, smoothed figure. */
async function ping() {
  const startedAt = performance.now()
  try {
    await channel.request("ping")
    show(element("rtt"), `${Math.max(1, Math.round(performance.now() - startedAt))} ms`)
  } catch {
    show(element("rtt"), "–") // the wire was away for too long
  }
  if (channel.status !== "closed") setTimeout(() => void ping(), PING_MS)
}
void ping()
