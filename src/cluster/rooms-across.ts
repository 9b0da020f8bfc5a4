import type { Broadcast, ClusterPeers, ClusterStats, PeersHost, Selection, Task, TaskResult } from "../server/across.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Clockwork } from "../session/clockwork.ts"
import { wordsOf } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { Crossing, type HeardUpTo } from "./crossing.ts"
import { Interest } from "./interest.ts"
import type { Members } from "./members.ts"
import { Outgoing } from "./outgoing.ts"
import { Questions } from "./questions.ts"
import { Reach } from "./reach.ts"
import { encodeFrame, type Numbered, type RoomFrame, readFrame } from "./room-frames.ts"
import type { RoomTopics } from "./room-topics.ts"
import { Senders } from "./senders.ts"

export interface RoomsAcrossHost {
  readonly backplane: Pick<Backplane, "subscribe">
  publish(topic: string, data: Uint8Array): void
  readonly clockwork: Clockwork
  readonly hub: string
  readonly topics: RoomTopics
  readonly members: Members
  /** Resolves when this process has joined the others. */
  readonly joined: Promise<void>
  /** Undefined for a publisher, which has no peers. */
  readonly peers: PeersHost | undefined
  failed(error: unknown): void
}

/** Rooms whose members are in several processes: messages to them, and what is asked about their peers. */
export class RoomsAcross implements ClusterPeers {
  readonly #host: RoomsAcrossHost
  readonly #outgoing: Outgoing
  readonly #interest: Interest
  readonly #questions: Questions
  readonly #senders: Senders
  readonly #reach: Reach
  readonly #crossing: Crossing
  #hasJoined = false
  #counts = { heard: 0, ignored: 0, lost: 0 }

  constructor(host: RoomsAcrossHost) {
    const { backplane, publish, clockwork, hub, topics, members, failed } = host
    this.#host = host
    this.#senders = new Senders(clockwork)
    this.#reach = new Reach(clockwork)
    this.#outgoing = new Outgoing({ publish, clockwork, topics, id: hub, failed })
    this.#crossing = new Crossing({
      clockwork,
      lastOf: (sender) => (sender === hub ? this.#outgoing.number : this.#senders.lastOf(sender)),
      deliverTo: (session, broadcast) => callSafely(() => host.peers?.deliverTo(session, broadcast), failed),
    })
    this.#interest = new Interest({
      backplane,
      clockwork,
      topicOf: (room) => topics.room(room),
      hear: (data) => this.#hear(data),
      failed,
    })
    this.#questions = new Questions({
      clockwork,
      others: () => members.hubs,
      settled: () => (this.#hasJoined ? this.#settled() : host.joined.then(() => this.#settled())),
      publish: (id, selection, task) => this.#publish(topics.all, { kind: "question", from: hub, id, selection, task }),
    })
    void host.joined.then(() => {
      this.#hasJoined = true
    })
  }

  get stats(): ClusterStats {
    return { ...this.#outgoing.counts, ...this.#counts }
  }

  /** Begins to hear the other processes. Resolves with the function that ends it. */
  async open(): Promise<() => void> {
    const { backplane, topics, hub, peers } = this.#host
    const hear = (data: Uint8Array): void => this.#hear(data)
    const ends = [await backplane.subscribe(topics.answersTo(hub), hear)]
    try {
      if (peers !== undefined) ends.push(await backplane.subscribe(topics.all, hear))
    } catch (error) {
      for (const end of ends) end()
      throw error
    }
    return () => {
      for (const end of ends) end()
    }
  }

  send(broadcast: Broadcast): number {
    this.#crossing.passed(this.#host.hub, this.#outgoing.send(broadcast))
    return this.#reach.costOf(broadcast.rooms)
  }

  occupied(room: string): void {
    this.#interest.occupied(room)
  }

  vacated(room: string): void {
    this.#interest.vacated(room)
  }

  expect(room: string): Promise<void> {
    return this.#interest.expect(room)
  }

  ready(room: string): Promise<void> {
    return this.#interest.ready(room)
  }

  /** Another process may hand this session over. Either `came` or `stays` follows. */
  expectSession(session: string): void {
    this.#crossing.expect(session)
  }

  /** The session is here. `heard`: what `heardBy` returned at its former hub. */
  came(session: string, heard: HeardUpTo | undefined): void {
    this.#crossing.came(session, heard)
  }

  stays(session: string): void {
    this.#crossing.stays(session)
  }

  /** Up to which message of each sender this session of this process has what was sent to several peers. */
  heardBy(session: string): HeardUpTo {
    const own = [this.#host.hub, this.#outgoing.number] as const
    return this.#crossing.heardBy(session, [own, ...this.#senders.recent()])
  }

  ask(selection: Selection, task: Task): Promise<readonly TaskResult[]> {
    return this.#questions.ask(selection, task)
  }

  connected(isConnected: boolean): void {
    if (!isConnected && this.#outgoing.isConnected) this.#counts.lost++
    this.#outgoing.connected(isConnected)
  }

  gone(hub: string): void {
    this.#questions.gone(hub)
  }

  /** How many messages wait for the store. */
  get waiting(): number {
    return this.#outgoing.waiting
  }

  /** Publishes what waits, and hears nothing any more. */
  close(): void {
    this.#outgoing.flushNow()
    this.#interest.close()
    this.#questions.close()
  }

  #settled(): boolean | PromiseLike<boolean> {
    const { members } = this.#host
    if (members.isSettled) return true
    // Of a hub that is nobody's it is known whether it lives when it is known of all.
    const verdict = members.judge("")
    return typeof verdict === "object" ? verdict.then((lives) => lives !== undefined) : verdict !== undefined
  }

  #hear(data: Uint8Array): void {
    const { hub, clockwork, failed } = this.#host
    const frame = readFrame(data, clockwork.now())
    if (frame === undefined) return void this.#counts.ignored++
    if (frame.from === hub) return
    switch (frame.kind) {
      case "messages":
        for (const message of frame.messages) callSafely(() => this.#deliver(frame.from, message), failed)
        return
      case "question":
        return this.#answer(frame)
      case "answer":
        return this.#questions.answered(frame.from, frame.id, frame.result)
      case "reached":
        return this.#reach.heard(frame.room, frame.count)
    }
  }

  #deliver(from: string, message: Numbered): void {
    const { number, broadcast } = message
    if (!this.#senders.isNew(from, number)) return // it came on the topic of another room
    this.#counts.heard++
    const { hub, peers, topics } = this.#host
    this.#crossing.passed(from, message)
    const count = peers?.deliver(broadcast, this.#crossing.hadBy(from, number)) ?? 0
    for (const room of this.#reach.toTell(from, broadcast.rooms, count)) {
      this.#publish(topics.answersTo(from), { kind: "reached", from: hub, room, count })
    }
  }

  #answer({ from, id, selection, task }: RoomFrame & { readonly kind: "question" }): void {
    const { hub, peers, topics, failed } = this.#host
    const answer = (result: TaskResult | { readonly failure: string }): void =>
      this.#publish(topics.answersTo(from), { kind: "answer", from: hub, id, result })
    callSafely(
      async () => {
        const result = peers?.perform(selection, task) ?? { count: 0 }
        // Who asked sends to the room next, and its new members have to hear it.
        if (task.what === "join" && result.count > 0) await this.#interest.ready(task.room)
        answer(result)
      },
      (error) => {
        failed(error)
        answer({ failure: wordsOf(error) })
      },
    )
  }

  #publish(topic: string, frame: RoomFrame): void {
    this.#outgoing.publish(topic, encodeFrame(frame, this.#host.clockwork.now()))
  }
}
