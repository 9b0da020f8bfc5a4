import type { Channel } from "../../client/channel.ts"
import type { Hub } from "../../server/hub.ts"
import type { Peer } from "../../server/peer.ts"
import type { Machine } from "../virtual-runtime.ts"
import type { World } from "./application.ts"
import type { Call } from "./calls.ts"
import type { Rumour } from "./rumours.ts"
import type { Witness } from "./witness.ts"
import type { Spoken } from "./words.ts"

interface Asks {
  ask(n: number): number
  /** Dialogues. */
  tell(n: number, input: AsyncIterable<number>): number
  recite(n: number, input: AsyncIterable<number>): AsyncIterable<number>
}

export interface TalkContract {
  up: { word: Spoken; rumour: Rumour }
  /** A cry is a broadcast to all peers of a hub, so it cannot carry a different number for each peer. */
  down: { word: Spoken; rumour: Rumour; cry: readonly [cry: number, pad: string]; call: Call }
  requests: Asks
  asks: Asks
}

/** A channel and the words that it has said. */
export interface Speaker {
  readonly name: string
  readonly channel: Channel<TalkContract>
  readonly machine: Machine
  said: number
  /** Numbers of the words that no hub has heard and no reset has reported. */
  readonly unheard: Set<number>
}

/** A peer of a hub, with the number of words said to it and heard by its channel. */
export interface Listener {
  // Of the process that has the session now. It may be handed over to another.
  peer: Peer<TalkContract>
  machine: Machine
  hub: Hub<TalkContract>
  /** The hubs that have had it, and the one that has it. */
  readonly hubs: Set<Hub<TalkContract>>
  readonly beganAt: number
  /** Whether one process has handed the session over and the other has not begun with it. */
  moving: boolean
  /** Words that were said while it had no link, after the last one that was said with one. */
  readonly unlinked: Set<number>
  /** Words that may never be heard, because nobody could tell them to the process that has it now. */
  readonly missable: Set<number>
  said: number
  heard: number
  closed: boolean
  /** By cry: its number among the words said to this peer. */
  readonly cries: Map<number, number>
}

export type TalkWorld = World<TalkContract>
export type Random = () => number

/** Who talks in a simulation, and the witnesses of what is said and heard. */
export class Company {
  readonly speakers: Speaker[] = []
  readonly listeners = new Map<string, Listener>()
  readonly #witnesses: Witness[]
  /** The first fault found in a callback. It is thrown by `check`, because the library catches what callbacks throw. */
  #found: Error | undefined

  constructor(witnesses: readonly Witness[]) {
    this.#witnesses = [...witnesses]
  }

  /** Channels that are not closed. */
  running(): Speaker[] {
    return this.speakers.filter(({ channel }) => channel.status !== "closed")
  }

  /** Open peers of hubs that have not crashed and do not stand still. */
  open(): Listener[] {
    return [...this.listeners.values()].filter(
      ({ closed, moving, machine }) => !closed && !moving && !machine.halted && !machine.asleep,
    )
  }

  join(...witnesses: readonly Witness[]): void {
    this.#witnesses.push(...witnesses)
  }

  /**
   * Calls all witnesses. The library catches errors of its callbacks, so a fault is kept here until the next `check`.
   */
  tell(what: (witness: Witness) => void): void {
    this.note(() => {
      for (const witness of this.#witnesses) what(witness)
    })
  }

  /** Keeps what this throws. */
  note(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.found(error instanceof Error ? error : new Error(String(error)))
    }
  }

  found(fault: Error): void {
    this.#found ??= fault
  }

  /** @throws the first fault that was found */
  check(): void {
    this.tell((witness) => witness.check?.())
    if (this.#found !== undefined) throw this.#found
  }
}
