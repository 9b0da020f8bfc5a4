import type { Channel } from "../../client/channel.ts"
import type { Hub } from "../../server/hub.ts"
import type { Peer } from "../../server/peer.ts"
import type { Machine } from "../virtual-runtime.ts"
import { Across } from "./across.ts"
import { createAfterCloseWitness } from "./after-close.ts"
import type { Application } from "./application.ts"
import { createCarriageWitness } from "./carriage.ts"
import { choose } from "./choose.ts"
import { Company, type Listener, type Random, type Speaker, type TalkContract, type TalkWorld } from "./company.ts"
import { Dialogues } from "./dialogues.ts"
import { createDoubleWitness } from "./double.ts"
import { Broken } from "./failure.ts"
import { createGoodputWitness } from "./goodput.ts"
import { createPhantomWitness } from "./phantom.ts"
import { createPrefixWitness } from "./prefix.ts"
import { Questions } from "./questions.ts"
import { type Rumour, Rumours } from "./rumours.ts"
import { Speech } from "./speech.ts"
import { createUncertaintyWitness } from "./uncertain.ts"
import type { Word } from "./witness.ts"
import { read, type Spoken } from "./words.ts"

/**
 * The default application of a simulation. Both ends send numbered words (large and small, text and binary) and
 * requests; channels flush and leave, hubs kick peers. Witnesses compare the words said with the words heard.
 */
export class Talk implements Application<TalkContract> {
  readonly #company = new Company([
    createPhantomWitness(),
    createDoubleWitness(),
    createPrefixWitness(),
    createAfterCloseWitness(),
    createUncertaintyWitness(),
  ])
  readonly #questions = new Questions()
  readonly #dialogues = new Dialogues()
  readonly #rumours = new Rumours()
  readonly #speech = new Speech(this.#company, this.#rumours)
  /** Whether the witnesses that need the world exist. They are made when the first hub starts. */
  #began = false

  readonly #across = new Across(this.#company)

  readonly acts: Application<TalkContract>["acts"]

  /** @param isCluster whether the hubs are processes of one cluster */
  constructor(isCluster = false) {
    this.acts = isCluster ? { ...this.#ownActs, ...this.#across.acts } : this.#ownActs
  }

  readonly #ownActs: Application<TalkContract>["acts"] = {
    "say-up": (world, random) => this.#speech.up(world, random, 1),
    "say-much-up": (world, random) => this.#speech.up(world, random, 1 + Math.floor(random() * 12)),
    "say-down": (world, random) => this.#speech.down(world, random, 1),
    "say-much-down": (world, random) => this.#speech.down(world, random, 1 + Math.floor(random() * 12)),
    cry: (world, random) => this.#speech.cry(world, random),
    "ask-up": (world, random) => {
      const speaker = choose(this.#company.running(), random)
      if (speaker !== undefined) this.#ask("up", speaker.channel, speaker.machine, () => false, world, random)
    },
    "ask-down": (world, random) => {
      const listener = choose(this.#company.open(), random)
      if (listener !== undefined)
        this.#ask("down", listener.peer, listener.machine, () => isCrashed(listener), world, random)
    },
    flush: (_world, random) => this.#flush(choose(this.#company.running(), random)),
    kick: (_world, random) => {
      if (random() < RARELY) choose(this.#company.open(), random)?.peer.close("kicked")
    },
    leave: (_world, random) => {
      if (random() < RARELY) void choose(this.#company.running(), random)?.channel.close({ flushMs: 0 })
    },
  }

  hub(hub: Hub<TalkContract>, machine: Machine, world: TalkWorld): void {
    if (!this.#began) this.#company.join(createGoodputWitness(world), createCarriageWitness(world))
    this.#began = true
    const greets = world.seed % 2 === 0
    this.#across.started(hub, machine, world)
    hub.onPeer((peer, { moved }) => {
      const listener = moved ? this.#takenOver(peer, hub, machine, world) : this.#newcomer(peer, hub, machine, world)
      peer.onClose(({ code, undelivered }) => {
        if (code === "moved") listener.moving ||= listener.peer === peer
        else if (listener.peer !== peer)
          this.#company.found(new Broken("fencing", `${peer.id} has ended as ${code}, and another process has it`))
        else {
          listener.closed = true
          this.#company.tell((witness) => witness.peerClosed?.(peer.id, undelivered))
        }
      })
      if (moved) return
      // On a slow network the first word is large: a welcome that was sent after it would arrive late.
      const { limits, wordBytes, maxOutboxBytes } = world.plan
      const size = limits === undefined ? 0 : Math.floor(Math.min(wordBytes / 2, maxOutboxBytes / 4))
      if (greets) this.#speech.to(world.plan, listener, size, false)
    })
    hub.on("word", (spoken, peer) => {
      const word = read("up", spoken)
      if (this.#company.listeners.get(peer.id)?.peer !== peer) {
        this.#company.found(new Broken("fencing", `${peer.id} has heard ${word.n} in a process that has it no more`))
      }
      this.#company.speakers.find(({ name }) => name === word.speaker)?.unheard.delete(word.n)
      this.#rumours.heardWord(peer.id, word)
      this.#company.tell((witness) => witness.heard?.(word, peer.id))
    })
    hub.on("rumour", (rumour, peer) => this.#company.note(() => this.#rumours.heard("up", peer.id, rumour, world.plan)))
    hub.handle("ask", (n) => this.#questions.answer(`up ${n}`, n))
    const crashed = (peer: Peer<TalkContract>) => (): boolean => {
      const listener = this.#company.listeners.get(peer.id)
      return listener !== undefined && isCrashed(listener)
    }
    hub.handle("tell", (n, peer, request) => this.#dialogues.tell(peer, crashed(peer), n, request, world))
    hub.handle("recite", (n, peer, request) => this.#dialogues.recite(peer, crashed(peer), n, request, world))
  }

  #newcomer(peer: Peer<TalkContract>, hub: Hub<TalkContract>, machine: Machine, world: TalkWorld): Listener {
    const beganAt = world.runtime.now()
    const listener: Listener = {
      peer,
      hub,
      hubs: new Set([hub]),
      machine,
      beganAt,
      closed: false,
      moving: false,
      unlinked: new Set(),
      missable: new Set(),
      said: 0,
      heard: 0,
      cries: new Map(),
    }
    this.#company.listeners.set(peer.id, listener)
    if (world.plan.cluster !== undefined) this.#across.began(peer, world)
    return listener
  }

  /** Another process has handed the session over to this one. In a world that is not steady it may not know that it has. */
  #takenOver(peer: Peer<TalkContract>, hub: Hub<TalkContract>, machine: Machine, world: TalkWorld): Listener {
    const listener = this.#company.listeners.get(peer.id)
    if (listener === undefined) throw new Error(`no process had ${peer.id}`)
    if (listener.closed && world.steady)
      this.#company.found(new Broken("fencing", `${peer.id} had ended, and another process has it`))
    if (listener.closed) this.#company.tell((witness) => witness.peerLives?.(peer.id))
    // A hub that died, closed, or was parted from this one for long, could not tell what was said while the session stood still.
    const isAlone = !world.steady && world.runtime.now() >= this.#across.leftAt(listener.hub) + ALONE_MS
    const isUntold = listener.closed || listener.machine.halted || isAlone
    const silent = isUntold ? listener.hub : undefined
    if (isUntold) {
      for (const n of listener.unlinked) listener.missable.add(n)
      this.#company.tell((witness) => witness.mayMiss?.(peer.id, listener.unlinked))
      this.#rumours.mayMiss(peer.id)
    }
    listener.unlinked.clear()
    Object.assign(listener, { peer, hub, machine, moving: false, closed: false })
    listener.hubs.add(hub)
    this.#across.moved(peer, silent, world)
    return listener
  }

  channel(channel: Channel<TalkContract>, machine: Machine, world: TalkWorld): void {
    const { plan } = world
    const name = `channel ${this.#company.speakers.length + 1}`
    const speaker: Speaker = { name, channel, machine, said: 0, unheard: new Set() }
    this.#company.speakers.push(speaker)
    channel.on("word", (spoken) => this.#hearDown(speaker, read("down", spoken)))
    channel.on("cry", ([cry, pad]) => {
      const peer = channel.peerId ?? ""
      const n = this.#company.listeners.get(peer)?.cries.get(cry) ?? -1
      this.#hearDown(speaker, { way: "down", speaker: peer, n, size: pad.length, binary: false })
    })
    channel.on("call", (call) => this.#across.heard(channel.peerId ?? "", call))
    channel.on("rumour", (rumour) =>
      this.#company.note(() => this.#rumours.heard("down", `to ${channel.peerId}`, rumour, plan)),
    )
    channel.handle("ask", (n) => this.#questions.answer(`down ${n}`, n))
    const crashed = (): boolean => false
    channel.handle("tell", (n, _, request) => this.#dialogues.tell(channel, crashed, n, request, world))
    channel.handle("recite", (n, _, request) => this.#dialogues.recite(channel, crashed, n, request, world))
    channel.onReset(({ messages }) => {
      const dataOf = (wanted: string): unknown[] =>
        messages.flatMap(({ name: sent, data }) => (sent === wanted ? [data] : []))
      const uncertain = dataOf("word").map((data) => read("up", data as Spoken)) // a channel hears what it sent
      this.#company.note(() => this.#rumours.reported(name, dataOf("rumour") as Rumour[], plan))
      if (plan.onReset === "report") for (const { n } of uncertain) speaker.unheard.delete(n)
      this.#company.tell((witness) => witness.reset?.(name, uncertain, plan.onReset))
    })
    channel.onStatus((status) => {
      if (status === "closed") this.#company.tell((witness) => witness.channelClosed?.(name))
    })
  }

  check(world: TalkWorld): void {
    this.#company.check()
    this.#questions.check()
    this.#dialogues.check()
    this.#across.check(world)
  }

  waiting(channel: Channel<TalkContract>): number {
    const name = this.#company.speakers.find((speaker) => speaker.channel === channel)?.name ?? ""
    return this.#questions.waiting(channel) + this.#dialogues.waiting(channel) + (this.#rumours.isAging(name) ? 1 : 0)
  }

  missing({ runtime }: TalkWorld): string | undefined {
    for (const { name, channel, unheard } of this.#company.running()) {
      if (unheard.size > 0) return `nobody has heard ${[...unheard]} of ${name}`
      const rumours = isEvicting(channel) ? undefined : this.#rumours.missing(name)
      if (rumours !== undefined) return rumours
      const { peer, hubs, heard = 0, said = 0, missable } = this.#company.listeners.get(channel.peerId ?? "") ?? {}
      if (peer !== undefined && said - heard > (missable?.size ?? 0))
        return `${name} has heard ${heard} of ${said} words of ${peer.id}`
      const call = peer && this.#across.missing(peer.id)
      if (call !== undefined) return call
      const rumoured = hubs && !isEvicting(...hubs) && this.#rumours.missing(channel.peerId ?? "")
      if (rumoured) return rumoured
    }
    const waiting = this.#company.running().find(({ channel }) => this.#questions.waiting(channel) > 0)
    if (waiting) return `${waiting.name} has asked and has no answer and no refusal`
    return this.#dialogues.overdue(runtime.now())
  }

  closed(world: TalkWorld): void {
    const crashed = [...this.#company.listeners.values()].filter(isCrashed)
    this.#company.tell((witness) => witness.over?.(new Set(crashed.map(({ peer }) => peer.id))))
    this.#questions.over(new Set(crashed.map(({ peer }) => peer)))
    this.#dialogues.over()
    this.#across.over()
    this.check(world)
  }

  #ask(
    way: Word["way"],
    asker: Channel<TalkContract> | Peer<TalkContract>,
    machine: Machine,
    crashed: () => boolean,
    world: TalkWorld,
    random: Random,
  ): void {
    if (random() < 0.4) return this.#questions.ask(asker, (n) => asker.request("ask", n))
    this.#dialogues.begin(way, asker, machine, crashed, world, random, (on, bytes) =>
      this.#company.tell((witness) => witness.carried?.(on, bytes)),
    )
  }

  #hearDown({ name, channel }: Speaker, word: Word): void {
    const listener = this.#company.listeners.get(word.speaker)
    if (listener !== undefined) listener.heard++
    listener?.missable.delete(word.n)
    this.#rumours.heardWord(`to ${channel.peerId}`, word)
    if (channel.peerId !== word.speaker) {
      this.#company.found(new Broken("no phantom", `${name} has the peer ${channel.peerId} and heard ${word.speaker}`))
    }
    this.#company.tell((witness) => witness.heard?.(word, name))
  }

  #flush(speaker: Speaker | undefined): void {
    if (speaker === undefined) return
    const { channel, name, said } = speaker
    channel.flush().then(
      () => this.#company.tell((witness) => witness.flushed?.(name, said)),
      () => {}, // the session ended first; other events report that
    )
  }
}

/**
 * Whether one of them has dropped messages because an outbox was full. Then even the newest of a key may be lost, also by a hub
 * that has handed the session over and closed.
 */
function isEvicting(...sides: readonly (Channel<TalkContract> | Hub<TalkContract>)[]): boolean {
  return sides.some((side) => side.stats().dropped.full > 0)
}

/** Whether the hub's process died, or the one to which it had handed the session, so that nothing was told of the end. */
function isCrashed({ closed, moving, machine }: Listener): boolean {
  return !closed && (moving || machine.halted)
}

/** A process goes on by itself with a session that was handed to it, in milliseconds after it hears nothing. */
const ALONE_MS = 9_000

/** Probability that a drawn kick or leave takes place. */
const RARELY = 0.25
