// @ts-check
import { Tally } from "./tally.mjs"

/**
 * @typedef {import("./contract.ts").Chat} Chat
 * @typedef {import("everwire/node").Peer<Chat>} Peer
 */

/** Interval of the numbered stream, in milliseconds: five beats a second. */
const BEAT_MS = 200

/** Interval at which all processes are asked who is in the room, in milliseconds. Each asks each other one. */
const ASK_MS = 1000
/** With what the name of a room begins that has one member, and says what that is called: every process can read it. */
const CALLED = "called:"

/**
 * What a room gets from the program that opens it.
 *
 * @typedef RoomHost
 * @property {number} [process] the number of this process, if there are several
 * @property {() => import("./contract.ts").Positions} positions
 * @property {Pick<import("./history.mjs").History, "all" | "add">} history
 */

/**
 * The chat room: its users and messages. Each page can also ask for a numbered stream in each direction, which is
 * counted.
 *
 * @param {import("everwire/node").NodeHub<Chat>} hub
 * @param {RoomHost} host
 */
export function openRoom(hub, host) {
  /** The users whose sessions this process has, each with its count.
   * @type {Map<Peer, { heard?: Tally, said: number }>} */
  const members = new Map()
  let roster = ""
  let isOpen = true

  hub.onPeer((peer) => {
    members.set(peer, { said: 0 })
    peer.join("room")
    peer.onClose(() => members.delete(peer))
    const { process } = host
    peer.send("lobby", { history: host.history.all, positions: host.positions(), ...(process && { process }) })
  })

  hub.on("join", ({ nick }, peer) => {
    if (typeof nick !== "string") return
    const room = CALLED + (nick.trim().slice(0, 24) || "Somebody")
    for (const other of peer.rooms) if (other.startsWith(CALLED) && other !== room) peer.leave(other)
    peer.join(room)
  })

  hub.on("chat", ({ text, key }, peer) => {
    if (typeof text !== "string" || text.trim() === "") return
    const nick = nickOf([...peer.rooms]) ?? "Somebody"
    const saying = { id: crypto.randomUUID(), nick, text: text.slice(0, 1000), at: Date.now(), peer: peer.id, key }
    host.history.add(saying)
    hub.to("room").send("chat", saying)
  })

  hub.on("count", ({ from }, peer) => {
    const member = members.get(peer)
    if (member) member.heard = new Tally(from)
  })
  hub.on("beat", ({ n }, peer) => members.get(peer)?.heard?.hear(n))
  hub.handle("ping", () => "pong")

  const beat = setInterval(() => {
    for (const [peer, member] of members) {
      if (member.heard) peer.send("beat", { n: ++member.said, heard: member.heard.count })
    }
  }, BEAT_MS)

  /** Tells the users of this process who is in the room, in all processes. */
  async function tellWhoIsHere() {
    const peers = await hub.peersIn("room")
    // A user has no nick until its peer has sent `join`, and until then is not shown.
    const people = peers.flatMap(({ id, rooms, connected, transport }) => {
      const nick = nickOf(rooms)
      return nick === undefined ? [] : { id, nick, transport: (connected && transport) || null }
    })
    people.sort((one, other) => (one.id < other.id ? -1 : 1))
    const before = roster
    roster = JSON.stringify(people)
    if (roster !== before) hub.local.to("room").send("people", people)
  }

  async function keepTelling() {
    while (isOpen) {
      // A process that was just killed does not answer. It is asked again, until the others know that it is gone.
      await tellWhoIsHere().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, host.process === undefined ? BEAT_MS : ASK_MS))
    }
  }
  void keepTelling()

  return {
    close() {
      isOpen = false
      clearInterval(beat)
    },
  }
}

/** @param {readonly string[]} rooms */
function nickOf(rooms) {
  return rooms.find((room) => room.startsWith(CALLED))?.slice(CALLED.length)
}
