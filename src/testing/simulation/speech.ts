import type { Channel } from "../../client/channel.ts"
import type { SendOptions } from "../../messaging/send-options.ts"
import { EverwireError } from "../../wire/errors.ts"
import { choose } from "./choose.ts"
import type { Company, Listener, Random, TalkContract, TalkWorld } from "./company.ts"
import { Broken } from "./failure.ts"
import type { Plan } from "./plan.ts"
import type { Rumour, Rumours } from "./rumours.ts"
import type { Word } from "./witness.ts"
import { pad, write } from "./words.ts"

/**
 * Most that an outbox counts for one packet besides its payload, in bytes: a binary packet is several objects on a hub.
 */
const MOST_OVERHEAD_BYTES = 256

/** Sends the words and rumours of a simulation, and checks what the library says about its outboxes meanwhile. */
export class Speech {
  readonly #company: Company
  readonly #rumours: Rumours
  #cries = 0

  constructor(company: Company, rumours: Rumours) {
    this.#company = company
    this.#rumours = rumours
  }

  up({ plan }: TalkWorld, random: Random, many: number): void {
    const speaker = choose(this.#company.running(), random)
    if (speaker === undefined) return
    for (let i = 0; i < many; i++) {
      const [size, binary] = draw(plan, random)
      const word: Word = { way: "up", speaker: speaker.name, n: speaker.said, size, binary }
      if (!this.#taken(speaker.channel, word, plan)) return
      speaker.said++
      speaker.unheard.add(word.n)
      this.#company.tell((witness) => witness.said?.(word))
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

  down({ plan }: TalkWorld, random: Random, many: number): void {
    const listener = choose(this.#company.open(), random)
    if (listener === undefined) return
    const { peer } = listener
    for (let i = 0; i < many && !listener.closed; i++) this.to(plan, listener, ...draw(plan, random))
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
      this.#company.tell((witness) => witness.rumoured?.(way, speaker, size))
    }
  }

  to(plan: Plan, listener: Listener, size: number, binary: boolean): void {
    const { peer } = listener
    const word: Word = { way: "down", speaker: peer.id, n: listener.said, size, binary }
    listener.said++
    // Read before the call: a peer whose outbox is full closes inside `send`, and then this word does not count as said.
    const before = peer.closed
    const { bufferedBytes } = peer
    peer.send("word", write(word))
    this.#checkBound(peer, bufferedBytes, plan)
    if (before || peer.closed) listener.said--
    else {
      noteLink(listener, word)
      this.#company.tell((witness) => witness.said?.(word))
    }
  }

  cry({ hubs, plan }: TalkWorld, random: Random): void {
    const hub = choose(hubs, random)
    if (hub === undefined) return
    const cry = ++this.#cries
    const size = Math.floor(random() * plan.wordBytes)
    hub.local.send("cry", [cry, pad(size)])
    for (const peer of hub.peers.values()) {
      const listener = this.#company.listeners.get(peer.id)
      if (listener === undefined) continue
      const word: Word = { way: "down", speaker: peer.id, n: listener.said++, size, binary: false }
      listener.cries.set(cry, word.n)
      noteLink(listener, word)
      this.#company.tell((witness) => witness.said?.(word))
    }
  }

  /** Sends a word, and checks `bufferedBytes` and the result of `send`. Returns `false` when the outbox was full. */
  #taken(channel: Channel<TalkContract>, word: Word, plan: Plan): boolean {
    const before = channel.bufferedBytes
    try {
      const room = channel.send("word", write(word))
      this.#checkBound(channel, before, plan)
      if (room && channel.bufferedBytes >= plan.maxOutboxBytes / 2) {
        this.#company.found(new Broken("bounds", `send() said ${room} with ${channel.bufferedBytes} bytes waiting`))
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
      this.#company.found(
        new Broken("bounds", `an outbox of ${maxOutboxBytes} bytes took more and holds ${bufferedBytes}`),
      )
    }
  }
}

function noteLink({ peer, unlinked }: Listener, { n }: Word): void {
  if (peer.connected) unlinked.clear()
  else unlinked.add(n)
}

function draw(plan: Plan, random: Random): [size: number, binary: boolean] {
  const large = random() < plan.largeShare
  return [large ? Math.floor(random() * plan.wordBytes) : Math.floor(random() * 8), random() < plan.binaryShare]
}
