import type { Channel } from "../../client/channel.ts"
import type { SendOptions } from "../../messaging/send-options.ts"
import type { Hub } from "../../server/hub.ts"
import type { Peer } from "../../server/peer.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Machine } from "../virtual-runtime.ts"
import { createAfterCloseWitness } from "./after-close.ts"
import type { Application, World } from "./application.ts"
import { createCarriageWitness } from "./carriage.ts"
import { Dialogues } from "./dialogues.ts"
import { createDoubleWitness } from "./double.ts"
import { Broken } from "./failure.ts"
import { createGoodputWitness } from "./goodput.ts"
import { createPhantomWitness } from "./phantom.ts"
import type { Plan } from "./plan.ts"
import { createPrefixWitness } from "./prefix.ts"
import { Questions } from "./questions.ts"
import { type Rumour, Rumours } from "./rumours.ts"
import { createUncertaintyWitness } from "./uncertain.ts"
import type { Witness, Word } from "./witness.ts"
import { pad, read, type Spoken, write } from "./words.ts"

/**
 * Most that an outbox counts for one packet besides its payload, in bytes: a binary packet is several objects on a hub.
 */
const MOST_OVERHEAD_BYTES = 256

interface Asks {
  ask(n: number): number
  /** Dialogues. */
  tell(n: number, input: AsyncIterable<number>): number
  recite(n: number, input: AsyncIterable<number>): AsyncIterable<number>
}

interface TalkContract {
  up: { word: Spoken; rumour: Rumour }
  /** A cry is a broadcast to all peers of a hub, so it cannot carry a different number for each peer. */
  down: { word: Spoken; rumour: Rumour; cry: readonly [cry: number, pad: string] }
  requests: Asks
  asks: Asks
}

/** A channel and the words that it has said. */
interface Speaker {
  readonly name: string
  readonly channel: Channel<TalkContract>
  readonly machine: Machine
  said: number
  /** Numbers of the words that no hub has heard and no reset has reported. */
  readonly unheard: Set<number>
}

/** A peer of a hub, with the number of words said to it and heard by its channel. */
interface Listener {
  readonly peer: Peer<TalkContract>
  readonly machine: Machine
  said: number
  heard: number
  closed: boolean
  /** By cry: its number among the words said to this peer. */
  readonly cries: Map<number, number>
}

type TalkWorld = World<TalkContract>
type Random = () => number

/**
 * The default application of a simulation. Both ends send numbered words (large and small, text and binary) and
 * requests; channels flush and leave, hubs kick peers. Witnesses compare the words said with the words heard.
 */
export class Talk implements Application<TalkContract> {
  readonly #witnesses: Witness[] = [
    createPhantomWitness(),
    createDoubleWitness(),
    createPrefixWitness(),
    createAfterCloseWitness(),
    createUncertaintyWitness(),
  ]
  readonly #speakers: Speaker[] = []
  readonly #listeners = new Map<string, Listener>()
  readonly #questions = new Questions()
  readonly #dialogues = new Dialogues()
  readonly #rumours = new Rumours()
  #cries = 0
  /** Whether the witnesses that need the world exist. They are made when the first hub starts. */
  #began = false
  /** The first fault found in a callback. It is thrown by `check`, because the library catches what callbacks throw. */
  #found: Error | undefined

  readonly acts: Application<TalkContract>["acts"] = {
    "say-up": (world, random) => this.#sayUp(world, random, 1),
    "say-much-up": (world, random) => this.#sayUp(world, random, 1 + Math.floor(random() * 12)),
    "say-down": (world, random) => this.#sayDown(world, random, 1),
    "say-much-down": (world, random) => this.#sayDown(world, random, 1 + Math.floor(random() * 12)),
    cry: (world, random) => this.#cry(world, random),
    "ask-up": (world, random) => {
      const speaker = choose(this.#running(), random)
      if (speaker !== undefined) this.#ask("up", speaker.channel, speaker.machine, () => false, world, random)
    },
    "ask-down": (world, random) => {
      const listener = choose(this.#open(), random)
      if (listener !== undefined)
        this.#ask("down", listener.peer, listener.machine, () => isCrashed(listener), world, random)
    },
    flush: (_world, random) => this.#flush(choose(this.#running(), random)),
    kick: (_world, random) => {
      if (random() < RARELY) choose(this.#open(), random)?.peer.close("kicked")
    },
    leave: (_world, random) => {
      if (random() < RARELY) void choose(this.#running(), random)?.channel.close({ flushMs: 0 })
    },
  }

  hub(hub: Hub<TalkContract>, machine: Machine, world: TalkWorld): void {
    if (!this.#began) this.#witnesses.push(createGoodputWitness(world), createCarriageWitness(world))
    this.#began = true
    const greets = world.seed % 2 === 0
    hub.onPeer((peer) => {
      const listener: Listener = { peer, machine, said: 0, heard: 0, closed: false, cries: new Map() }
      this.#listeners.set(peer.id, listener)
      peer.onClose(({ undelivered }) => {
        listener.closed = true
        this.#tell((witness) => witness.peerClosed?.(peer.id, undelivered))
      })
      // On a slow network the first word is large: a welcome that was sent after it would arrive late.
      const { limits, wordBytes, maxOutboxBytes } = world.plan
      const size = limits === undefined ? 0 : Math.floor(Math.min(wordBytes / 2, maxOutboxBytes / 4))
      if (greets) this.#sayTo(world.plan, listener, size, false)
    })
    hub.on("word", (spoken, peer) => {
      const word = read("up", spoken)
      this.#speakers.find(({ name }) => name === word.speaker)?.unheard.delete(word.n)
      this.#rumours.heardWord(peer.id, word)
      this.#tell((witness) => witness.heard?.(word, peer.id))
    })
    hub.on("rumour", (rumour, peer) => this.#note(() => this.#rumours.heard("up", peer.id, rumour, world.plan)))
    hub.handle("ask", (n) => this.#questions.answer(`up ${n}`, n))
    const crashed = (peer: Peer<TalkContract>) => (): boolean => {
      const listener = this.#listeners.get(peer.id)
      return listener !== undefined && isCrashed(listener)
    }
    hub.handle("tell", (n, peer, request) => this.#dialogues.tell(peer, crashed(peer), n, request, world))
    hub.handle("recite", (n, peer, request) => this.#dialogues.recite(peer, crashed(peer), n, request, world))
  }

  channel(channel: Channel<TalkContract>, machine: Machine, world: TalkWorld): void {
    const { plan } = world
    const name = `channel ${this.#speakers.length + 1}`
    const speaker: Speaker = { name, channel, machine, said: 0, unheard: new Set() }
    this.#speakers.push(speaker)
    channel.on("word", (spoken) => this.#hearDown(speaker, read("down", spoken)))
    channel.on("cry", ([cry, pad]) => {
      const peer = channel.peerId ?? ""
      const n = this.#listeners.get(peer)?.cries.get(cry) ?? -1
      this.#hearDown(speaker, { way: "down", speaker: peer, n, size: pad.length, binary: false })
    })
    channel.on("rumour", (rumour) =>
      this.#note(() => this.#rumours.heard("down", `to ${channel.peerId}`, rumour, plan)),
    )
    channel.handle("ask", (n) => this.#questions.answer(`down ${n}`, n))
    const crashed = (): boolean => false
    channel.handle("tell", (n, _, request) => this.#dialogues.tell(channel, crashed, n, request, world))
    channel.handle("recite", (n, _, request) => this.#dialogues.recite(channel, crashed, n, request, world))
    channel.onReset(({ messages }) => {
      const dataOf = (wanted: string): unknown[] =>
        messages.flatMap(({ name: sent, data }) => (sent === wanted ? [data] : []))
      const uncertain = dataOf("word").map((data) => read("up", data as Spoken)) // a channel hears what it sent
      this.#note(() => this.#rumours.reported(name, dataOf("rumour") as Rumour[], plan))
      if (plan.onReset === "report") for (const { n } of uncertain) speaker.unheard.delete(n)
      this.#tell((witness) => witness.reset?.(name, uncertain, plan.onReset))
    })
    channel.onStatus((status) => {
      if (status === "closed") this.#tell((witness) => witness.channelClosed?.(name))
    })
  }

  check({ runtime }: TalkWorld): void {
    this.#tell((witness) => witness.check?.())
    if (this.#found !== undefined) throw this.#found
    this.#questions.check()
    this.#dialogues.check(runtime.now())
  }

  waiting(channel: Channel<TalkContract>): number {
    const name = this.#speakers.find((speaker) => speaker.channel === channel)?.name ?? ""
    return this.#questions.waiting(channel) + this.#dialogues.waiting(channel) + (this.#rumours.isAging(name) ? 1 : 0)
  }

  missing({ hubs, runtime }: TalkWorld): string | undefined {
    for (const { name, channel, unheard } of this.#running()) {
      if (unheard.size > 0) return `nobody has heard ${[...unheard]} of ${name}`
      const rumours = isEvicting(channel) ? undefined : this.#rumours.missing(name)
      if (rumours !== undefined) return rumours
      const { peer, heard, said } = this.#listeners.get(channel.peerId ?? "") ?? {}
      if (peer !== undefined && heard !== said) return `${name} has heard ${heard} of ${said} words of ${peer.id}`
      if (peer !== undefined && hubs.every((hub) => hub.stats().dropped.full === 0)) {
        const rumoured = this.#rumours.missing(peer.id)
        if (rumoured !== undefined) return rumoured
      }
    }
    const waiting = this.#running().find(({ channel }) => this.#questions.waiting(channel) > 0)
    if (waiting) return `${waiting.name} has asked and has no answer and no refusal`
    return this.#dialogues.overdue(runtime.now())
  }

  closed(world: TalkWorld): void {
    const crashed = [...this.#listeners.values()].filter(isCrashed)
    this.#tell((witness) => witness.over?.(new Set(crashed.map(({ peer }) => peer.id))))
    this.#questions.over(new Set(crashed.map(({ peer }) => peer)))
    this.#dialogues.over()
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
      this.#tell((witness) => witness.carried?.(on, bytes)),
    )
  }

  #running(): Speaker[] {
    return this.#speakers.filter(({ channel }) => channel.status !== "closed")
  }

  /** Open peers of hubs that have not crashed. */
  #open(): Listener[] {
    return [...this.#listeners.values()].filter(({ closed, machine }) => !closed && !machine.halted)
  }

  #sayUp({ plan }: TalkWorld, random: Random, many: number): void {
    const speaker = choose(this.#running(), random)
    if (speaker === undefined) return
    for (let i = 0; i < many; i++) {
      const [size, binary] = draw(plan, random)
      const word: Word = { way: "up", speaker: speaker.name, n: speaker.said, size, binary }
      if (!this.#taken(speaker.channel, word, plan)) return
      speaker.said++
      speaker.unheard.add(word.n)
      this.#tell((witness) => witness.said?.(word))
    }
    const { channel, name } = speaker
    this.#spread(
      "up",
      name,
      () => speaker.said,
      plan,
      random,
      (rumour, options) => {
        channel.send("rumour", rumour, options)
      },
    )
  }

  #sayDown({ plan }: TalkWorld, random: Random, many: number): void {
    const listener = choose(this.#open(), random)
    if (listener === undefined) return
    const { peer } = listener
    for (let i = 0; i < many && !listener.closed; i++) this.#sayTo(plan, listener, ...draw(plan, random))
    this.#spread(
      "down",
      peer.id,
      () => listener.said,
      plan,
      random,
      (rumour, options) => {
        peer.send("rumour", rumour, options)
      },
    )
  }

  /** Sends some rumours, sometimes. */
  #spread(
    way: Word["way"],
    speaker: string,
    words: () => number,
    plan: Plan,
    random: Random,
    send: (rumour: Rumour, options: SendOptions) => void,
  ): void {
    if (random() < 0.5) return
    for (let many = 1 + Math.floor(random() * 4); many > 0; many--) {
      const size = this.#rumours.say(speaker, words(), random, plan, send)
      this.#tell((witness) => witness.rumoured?.(way, speaker, size))
    }
  }

  #note(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#found ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  #sayTo(plan: Plan, listener: Listener, size: number, binary: boolean): void {
    const { peer } = listener
    const word: Word = { way: "down", speaker: peer.id, n: listener.said, size, binary }
    listener.said++
    // Read before the call: a peer whose outbox is full closes inside `send`, and then this word does not count as said.
    const before = peer.closed
    const { bufferedBytes } = peer
    peer.send("word", write(word))
    this.#checkBound(peer, bufferedBytes, plan)
    if (before || peer.closed) listener.said--
    else this.#tell((witness) => witness.said?.(word))
  }

  #cry({ hubs, plan }: TalkWorld, random: Random): void {
    const hub = choose(hubs, random)
    if (hub === undefined) return
    const cry = ++this.#cries
    const size = Math.floor(random() * plan.wordBytes)
    hub.send("cry", [cry, pad(size)])
    for (const peer of hub.peers.values()) {
      const listener = this.#listeners.get(peer.id)
      if (listener === undefined) continue
      const word: Word = { way: "down", speaker: peer.id, n: listener.said++, size, binary: false }
      listener.cries.set(cry, word.n)
      this.#tell((witness) => witness.said?.(word))
    }
  }

  #hearDown({ name, channel }: Speaker, word: Word): void {
    const listener = this.#listeners.get(word.speaker)
    if (listener !== undefined) listener.heard++
    this.#rumours.heardWord(`to ${channel.peerId}`, word)
    if (channel.peerId !== word.speaker) {
      this.#found ??= new Broken("no phantom", `${name} has the peer ${channel.peerId} and heard ${word.speaker}`)
    }
    this.#tell((witness) => witness.heard?.(word, name))
  }

  #flush(speaker: Speaker | undefined): void {
    if (speaker === undefined) return
    const { channel, name, said } = speaker
    channel.flush().then(
      () => this.#tell((witness) => witness.flushed?.(name, said)),
      () => {}, // the session ended first; other events report that
    )
  }

  /** Sends a word, and checks `bufferedBytes` and the result of `send`. Returns `false` when the outbox was full. */
  #taken(channel: Channel<TalkContract>, word: Word, plan: Plan): boolean {
    const before = channel.bufferedBytes
    try {
      const room = channel.send("word", write(word))
      this.#checkBound(channel, before, plan)
      if (room && channel.bufferedBytes >= plan.maxOutboxBytes / 2) {
        this.#found ??= new Broken("bounds", `send() said ${room} with ${channel.bufferedBytes} bytes waiting`)
      }
      return true
    } catch (error) {
      if (error instanceof EverwireError && error.code === "buffer-full") return false
      throw error
    }
  }

  /** An empty outbox takes one packet of any size; after that, no packet may exceed the bound. */
  #checkBound({ bufferedBytes }: { readonly bufferedBytes: number }, before: number, { maxOutboxBytes }: Plan): void {
    if (before > 0 && bufferedBytes > before && bufferedBytes > maxOutboxBytes + MOST_OVERHEAD_BYTES) {
      this.#found ??= new Broken("bounds", `an outbox of ${maxOutboxBytes} bytes took more and holds ${bufferedBytes}`)
    }
  }

  /**
   * Calls all witnesses. The library catches errors of its callbacks, so a fault is kept here until the next `check`.
   */
  #tell(what: (witness: Witness) => void): void {
    this.#note(() => {
      for (const witness of this.#witnesses) what(witness)
    })
  }
}

/** Whether the channel has dropped messages because its outbox was full. Then even the newest of a key may be lost. */
function isEvicting(channel: Channel<TalkContract>): boolean {
  return channel.stats().dropped.full > 0
}

/** Whether the hub's process died, so that nothing was told of the end. */
function isCrashed({ closed, machine }: Listener): boolean {
  return !closed && machine.halted
}

/** Probability that a drawn kick or leave takes place. */
const RARELY = 0.25

function draw(plan: Plan, random: Random): [size: number, binary: boolean] {
  const large = random() < plan.largeShare
  return [large ? Math.floor(random() * plan.wordBytes) : Math.floor(random() * 8), random() < plan.binaryShare]
}

function choose<Value>(values: readonly Value[], random: Random): Value | undefined {
  return values[Math.floor(random() * values.length)]
}
