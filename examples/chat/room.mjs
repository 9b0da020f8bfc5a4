// @ts-check
import { Tally } from "./tally.mjs"

/**
 * @typedef {import("./contract.ts").Chat} Chat
 * @typedef {import("everwire/node").Peer<Chat>} Peer
 */

/** Number of earlier messages that a new user is shown. */
const HISTORY = 50
/** Interval of the numbered stream, in milliseconds: five beats a second. */
const BEAT_MS = 200

/**
 * The chat room: its users and messages. Each page can also ask for a numbered stream in each direction, which is
 * counted.
 *
 * @param {import("everwire/node").NodeHub<Chat>} hub
 * @param {() => import("./contract.ts").Positions} positions
 */
export function openRoom(hub, positions) {
  /** @type {import("./contract.ts").Saying[]} */
  const history = []
  /** The users. One has no nick until its peer has sent `join`, and until then is not shown.
   * @type {Map<Peer, { nick?: string, heard?: Tally, said: number }>} */
  const members = new Map()
  let roster = ""

  hub.onPeer((peer) => {
    members.set(peer, { said: 0 })
    peer.join("room")
    peer.onClose(() => members.delete(peer))
    peer.send("lobby", { history, positions: positions() })
  })

  hub.on("join", ({ nick }, peer) => {
    const member = members.get(peer)
    if (member && typeof nick === "string") member.nick = nick.trim().slice(0, 24) || "Somebody"
  })

  hub.on("chat", ({ text, key }, peer) => {
    if (typeof text !== "string" || text.trim() === "") return
    const nick = members.get(peer)?.nick ?? "Somebody"
    const saying = { id: crypto.randomUUID(), nick, text: text.slice(0, 1000), at: Date.now(), peer: peer.id, key }
    history.push(saying)
    if (history.length > HISTORY) history.shift()
    hub.to("room").send("chat", saying)
  })

  hub.on("count", ({ from }, peer) => {
    const member = members.get(peer)
    if (member) member.heard = new Tally(from)
  })
  hub.on("beat", ({ n }, peer) => members.get(peer)?.heard?.hear(n))
  hub.handle("ping", () => "pong")

  const beat = setInterval(() => {
    const people = Array.from(members).flatMap(([peer, { nick }]) =>
      nick === undefined ? [] : { id: peer.id, nick, transport: peer.transport ?? null },
    )
    const before = roster
    roster = JSON.stringify(people)
    if (roster !== before) hub.to("room").send("people", people)
    for (const [peer, member] of members) {
      if (member.heard) peer.send("beat", { n: ++member.said, heard: member.heard.count })
    }
  }, BEAT_MS)

  return { close: () => clearInterval(beat) }
}
