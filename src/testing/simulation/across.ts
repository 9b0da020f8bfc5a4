import type { Hub } from "../../server/hub.ts"
import type { Peer } from "../../server/peer.ts"
import type { Machine } from "../virtual-runtime.ts"
import { Calls, COME_MS, ROOMS } from "./calls.ts"
import { choose } from "./choose.ts"
import type { Company, Listener, Random, TalkContract, TalkWorld } from "./company.ts"
import { Broken } from "./failure.ts"
import { Inquiries } from "./inquiries.ts"
import { pad } from "./words.ts"

/** A process hears what another sends to a room when one of them has known of the room for so long, in milliseconds. */
const KNOWN_MS = 3_000

/** A process of the cluster, as the talk knows it. */
interface Process {
  readonly machine: Machine
  readonly startedAt: number
  /** When it began to close. Undefined if it has not, or has died instead. */
  leftAt: number | undefined
}

/** What a talk does in a cluster besides: calls to rooms and to all, and questions about the peers of all processes. */
export class Across {
  readonly #company: Company
  readonly #calls = new Calls()
  readonly #inquiries = new Inquiries()
  readonly #processes = new Map<Hub<TalkContract>, Process>()
  /** By peer and room: when it joined; and when it joined or left last. */
  readonly #joinedAt = new Map<string, number>()
  readonly #changedAt = new Map<string, number>()
  /** How many processes have ended. */
  #ended = 0

  readonly acts: Readonly<Record<string, (world: TalkWorld, random: Random) => void>> = {
    call: (world, random) => this.#call(world, random, null),
    "call-room": (world, random) => this.#call(world, random, choose(ROOMS, random) ?? ROOMS[0]),
    "join-room": (world, random) => {
      const listener = choose(this.#company.open(), random)
      const room = choose(ROOMS, random)
      if (listener === undefined || room === undefined || listener.peer.closed) return
      listener.peer.join(room)
      this.#calls.joined(listener.peer.id, room)
      this.#joinedAt.set(`${listener.peer.id} ${room}`, world.runtime.now())
      this.#changedAt.set(`${listener.peer.id} ${room}`, world.runtime.now())
    },
    "leave-room": (world, random) => {
      const listener = choose(this.#company.open(), random)
      const room = choose(ROOMS, random)
      if (listener === undefined || room === undefined || listener.peer.closed) return
      listener.peer.leave(room)
      this.#calls.left(listener.peer.id, room, world.runtime.now())
      this.#joinedAt.delete(`${listener.peer.id} ${room}`)
      this.#changedAt.set(`${listener.peer.id} ${room}`, world.runtime.now())
    },
    "ask-who": (world, random) => this.#askWho(world, random),
    "send-away": (world, random) => {
      if (random() < RARELY) this.#sendAway(world, random)
    },
  }

  constructor(company: Company) {
    this.#company = company
  }

  started(hub: Hub<TalkContract>, machine: Machine, world: TalkWorld): void {
    this.#processes.set(hub, { machine, startedAt: world.runtime.now(), leftAt: undefined })
  }

  began(peer: Peer<TalkContract>, world: TalkWorld): void {
    peer.data = { of: peer.id }
    // Each call that is on its way to the new peer may reach it, or count among those that were not delivered to it.
    for (const size of this.#calls.since(world.runtime.now() - KNOWN_MS)) {
      this.#company.tell((witness) => witness.rumoured?.("down", peer.id, size))
    }
  }

  /** When this hub began to close. No session of it stands still before that. */
  leftAt(hub: Hub<TalkContract>): number {
    return this.#processes.get(hub)?.leftAt ?? Infinity
  }

  /**
   * Checks that a peer is what it was in the process before. `silent`: the hub there, if it could not tell what the application did to
   * the peer while the session stood still. That is lost, as `docs/cluster.md` says; the session stands still no earlier than
   * the hub begins to close.
   */
  moved(peer: Peer<TalkContract>, silent: Hub<TalkContract> | undefined, world: TalkWorld): void {
    const lostFrom = silent ? this.leftAt(silent) : Infinity
    this.#calls.mayMiss(peer.id, lostFrom)
    const { of } = Object(peer.data) as { of?: unknown } // `began` set it
    if (of !== peer.id) this.#company.found(new Broken("hand-over", `${peer.id} came with the data ${String(of)}`))
    for (const room of ROOMS) {
      const isIn = peer.rooms.has(room)
      const key = `${peer.id} ${room}`
      if (isIn === this.#joinedAt.has(key)) continue
      const at = this.#changedAt.get(key) ?? 0
      if (at < lostFrom) {
        this.#company.found(new Broken("hand-over", `${peer.id} came with the rooms ${[...peer.rooms].join(" ")}`))
      } else if (isIn) {
        this.#joinedAt.set(key, at)
        this.#calls.joined(peer.id, room)
      } else {
        this.#joinedAt.delete(key)
        this.#calls.left(peer.id, room, world.runtime.now())
      }
    }
  }

  heard(peer: string, call: TalkContract["down"]["call"]): void {
    this.#company.note(() => this.#calls.heard(peer, call))
  }

  missing(peer: string): string | undefined {
    return this.#calls.missing(peer)
  }

  check(world: TalkWorld): void {
    const ended = [...this.#processes.values()].filter(({ machine }) => machine.halted).length
    if (!world.steady || ended > this.#ended) this.#calls.excuse(world.runtime.now() - COME_MS)
    this.#ended = ended
    for (const [hub, process] of this.#processes) {
      const { machine } = process
      if (machine.asleep || machine.halted || world.hubs.includes(hub)) continue
      process.leftAt ??= world.runtime.now()
    }
    this.#inquiries.check(world)
  }

  over(): void {
    this.#inquiries.over()
  }

  #call(world: TalkWorld, random: Random, room: string | null): void {
    const hub = choose(world.hubs, random)
    if (hub === undefined) return
    const now = world.runtime.now()
    const padding = pad(Math.floor(random() * (random() < 0.9 ? 60 : world.plan.wordBytes)))
    const own = [...hub.peers.values()].filter(({ rooms }) => room === null || rooms.has(room)).map(({ id }) => id)
    const call = this.#calls.call(hub.id, room, padding, now, own)
    if (world.steady && this.#isKnown(hub, now)) {
      for (const { peer, beganAt, hub: owner } of this.#company.open()) {
        const since = room === null ? beganAt : this.#joinedAt.get(`${peer.id} ${room}`)
        const isKnown = since !== undefined && since <= now - KNOWN_MS && this.#isKnown(owner, now)
        if (isKnown && owner !== hub && !peer.closed) this.#calls.expect(peer.id, call)
      }
    }
    for (const { peer } of this.#company.listeners.values()) {
      this.#company.tell((witness) => witness.rumoured?.("down", peer.id, padding.length))
    }
    if (room === null) hub.send("call", call)
    else hub.to(room).send("call", call)
  }

  /** Whether the other processes have known this one for a while. */
  #isKnown(hub: Hub<TalkContract>, now: number): boolean {
    const process = this.#processes.get(hub)
    return process !== undefined && process.startedAt <= now - KNOWN_MS
  }

  #askWho(world: TalkWorld, random: Random): void {
    const hub = choose(world.hubs, random)
    const room = choose(ROOMS, random)
    const process = hub && this.#processes.get(hub)
    if (hub === undefined || room === undefined || process === undefined) return
    const now = world.runtime.now()
    const members = this.#company
      .open()
      .filter(({ peer }) => (this.#joinedAt.get(`${peer.id} ${room}`) ?? Infinity) <= now - KNOWN_MS && !peer.closed)
    const before = members.map((listener) => ({ listener, peer: listener.peer }))
    const ended = this.#ended
    this.#inquiries.ask(
      `who is in ${room}`,
      hub,
      process.machine,
      world,
      (asked) => asked.peersIn(room),
      (answer) => {
        const ids = answer.map(({ id }) => id)
        const stranger = ids.find((id) => !this.#calls.everIn(id, room, now))
        if (stranger !== undefined) return `the answer has ${stranger}, which is not in it`
        if (new Set(ids).size < ids.length) return `the answer is ${ids.join(" ")}`
        this.check(world)
        const omitted = before.find(
          ({ listener, peer }) =>
            isStill(listener, peer) &&
            this.#joinedAt.has(`${peer.id} ${room}`) &&
            !ids.includes(peer.id) &&
            this.#isKnown(listener.hub, now),
        )
        const isSure = this.#ended === ended && this.#isKnown(hub, now)
        return omitted && isSure ? `the answer is without ${omitted.peer.id}` : undefined
      },
    )
  }

  #sendAway(world: TalkWorld, random: Random): void {
    const hub = choose(world.hubs, random)
    const process = hub && this.#processes.get(hub)
    const listener = choose(this.#company.open(), random)
    if (hub === undefined || process === undefined || listener === undefined) return
    const { peer } = listener
    const now = world.runtime.now()
    // A channel that has to begin again is away for a moment, which must not happen in a calm world.
    const mayReturn = random() < 0.5 && !world.calm
    this.#inquiries.ask(
      `the end of ${peer.id}`,
      hub,
      process.machine,
      world,
      (asked) => asked.disconnect({ peer: peer.id }, { mayReturn }),
      (count) => {
        if (count > 1) return `${count} peers were ended`
        const isSure = this.#isKnown(hub, now) && this.#isKnown(listener.hub, now)
        return isSure && isStill(listener, peer) ? "it did not end" : undefined
      },
    )
  }
}

/** Whether the listener is still open in the process in which it had this peer. */
function isStill({ peer, closed, moving, machine }: Listener, before: Peer<TalkContract>): boolean {
  return peer === before && !closed && !moving && !peer.closed && !machine.halted && !machine.asleep
}

/** Probability that a drawn `send-away` takes place. */
const RARELY = 0.2
