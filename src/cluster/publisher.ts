import type { AnyContract, Contract, DataOf, NameOf, Said } from "../messaging/contract.ts"
import { MessageEncoder } from "../messaging/message-encoder.ts"
import type { ContractOption, HubContract } from "../messaging/schema-contract.ts"
import { deliveryOf, type SendOptions } from "../messaging/send-options.ts"
import { hubRuntime } from "../runtimes/hub-runtime.ts"
import type { Selection, Task } from "../server/across.ts"
import type { PeerDescription, Principal } from "../server/peer.ts"
import { checkRoom, checkRooms } from "../server/rooms/rooms.ts"
import { type DisconnectOptions, disconnectTask, roomTask, selectionOf } from "../server/rooms/selection.ts"
import type { Alarm, Slot } from "../session/clockwork.ts"
import { Clockwork } from "../session/clockwork.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Packet } from "../wire/batch.ts"
import { type Codec, json } from "../wire/codec.ts"
import { MAX_PAYLOAD_BYTES } from "../wire/defaults.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { REJOIN_MS } from "./cluster.ts"
import { Members } from "./members.ts"
import { type ClusterOptions, readPrefix } from "./prefix.ts"
import { roomTopics } from "./room-topics.ts"
import { RoomsAcross } from "./rooms-across.ts"

/** How long `close` waits for the store, in milliseconds. */
const CLOSE_MS = 5_000

/** Options of a publisher: those that its hubs have, too, must be the same as theirs. */
export interface PublisherOptions extends ClusterOptions {
  /** As the option of the hubs. Default `[json]`. */
  readonly codecs?: readonly Codec[] | undefined
  /** As the option of the hubs. Default 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** Receives faults, for example of the store. Default: they are logged. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Source of time and random numbers. Default: the system's. */
  readonly runtime?: Runtime | undefined
}

/** Some peers, chosen by room, as `hub.to` of any hub has them. */
export interface PublisherAudience<C extends Contract<C> = AnyContract> {
  /** Leaves out all peers in these rooms. */
  except(...rooms: readonly string[]): PublisherAudience<C>
  /** As `send` of the publisher. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  join(room: string): Promise<number>
  leave(room: string): Promise<number>
  disconnect(options?: DisconnectOptions): Promise<number>
}

/**
 * Speaks to the peers of a cluster from a process without a hub. Its methods do what those of a hub do, and reject as they
 * do.
 */
export interface Publisher<C extends Contract<C> = AnyContract, P extends Principal = Principal> {
  /**
   * Sends a message to every peer. While the store is away, up to 8 MiB of messages wait; above that the oldest are dropped,
   * which `onError` is told.
   *
   * @throws EverwireError `misuse` (also after `close`), `payload-unsupported`, `payload-too-large`
   */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  to(...rooms: readonly string[]): PublisherAudience<C>
  peersIn(...rooms: readonly string[]): Promise<readonly PeerDescription<P>[]>
  disconnect(
    who: { readonly principal: string } | { readonly peer: string },
    options?: DisconnectOptions,
  ): Promise<number>
  /**
   * Publishes what waits, and ends. It does not close the backplane.
   *
   * @throws EverwireError (as a rejection) `backplane-unavailable` if messages still waited for the store after 5 seconds
   */
  close(): Promise<void>
}

/**
 * Makes a publisher: for a worker or a cron job that has something to say to the peers of a cluster.
 *
 * @throws EverwireError `misuse` on an unknown option or a wrong prefix
 * @example
 * const publisher = createPublisher<Chat>(backplane)
 * publisher.to("news").send("headline", { text })
 * await publisher.close()
 */
export function createPublisher<C extends Contract<C> = AnyContract, P extends Principal = Principal>(
  backplane: Backplane,
  options: PublisherOptions & ContractOption<HubContract<C>> = {},
): Publisher<C, P> {
  // The interface has the types of a contract and of a principal, which exist only there.
  return new ClusterPublisher(backplane, options) as Publisher<C, P>
}

class ClusterPublisher implements Alarm {
  slot: Slot | undefined
  readonly #backplane: Backplane
  readonly #topic: string
  readonly #clockwork: Clockwork
  readonly #encoders: readonly (readonly [codec: string, encoder: MessageEncoder])[]
  readonly #check: ((name: string, data: unknown) => unknown) | undefined
  readonly #members: Members
  readonly #rooms: RoomsAcross
  readonly #failed: (error: unknown) => void
  #ends: (() => void)[] = []
  #isOpen = true
  #resolveJoined = (): void => {}

  constructor(backplane: Backplane, options: PublisherOptions & ContractOption<HubContract<unknown>>) {
    const known = {
      codecs: "entries",
      contract: "fromHub",
      maxPayloadBytes: "number",
      onError: "function",
      runtime: "after",
    }
    const prefix = readPrefix("createPublisher", backplane, options, known)
    const { codecs = [json], contract, maxPayloadBytes = MAX_PAYLOAD_BYTES, runtime = hubRuntime } = options
    this.#backplane = backplane
    this.#topic = `${prefix}.hubs`
    this.#clockwork = new Clockwork(runtime)
    this.#failed = options.onError ?? ((error) => runtime.report(error))
    this.#encoders = codecs.map((codec) => [
      codec.name,
      new MessageEncoder(codec.name === json.name ? undefined : codec, maxPayloadBytes),
    ])
    this.#check = contract?.fromHub.bind(contract)
    const hub = runtime.id()
    const host = { clockwork: this.#clockwork, hub, failed: this.#failed }
    const joined = new Promise<void>((resolve) => {
      this.#resolveJoined = resolve
    })
    // It hears who lives, and says nothing: it is no hub.
    this.#members = new Members({ ...host, topic: this.#topic, publish() {}, gone: (other) => this.#rooms.gone(other) })
    this.#rooms = new RoomsAcross({
      ...host,
      backplane,
      publish: (topic, data) => backplane.publish(topic, data),
      topics: roomTopics(prefix),
      members: this.#members,
      joined,
      peers: undefined,
    })
    this.ring()
  }

  send(name: string, data?: unknown, options?: SendOptions): void {
    this.publish(undefined, [], name, data, options)
  }

  to(...rooms: readonly string[]): RoomsAfar {
    return new RoomsAfar(this, checkRooms(rooms), [])
  }

  async peersIn(...rooms: readonly string[]): Promise<readonly PeerDescription<never>[]> {
    const results = await this.#asked({ rooms: checkRooms(rooms), except: [] }, { what: "describe" })
    return results.flatMap(({ peers = [] }) => peers as readonly PeerDescription<never>[]) // fits every type of principal
  }

  disconnect(who: unknown, options?: DisconnectOptions): Promise<number> {
    return this.ask(selectionOf(who), disconnectTask(options))
  }

  async ask(selection: Selection, task: Task): Promise<number> {
    const results = await this.#asked(selection, task)
    return results.reduce((sum, { count }) => sum + count, 0)
  }

  publish(
    rooms: readonly string[] | undefined,
    except: readonly string[],
    name: string,
    data: unknown,
    options: SendOptions | undefined,
  ): void {
    this.#checkOpen()
    const checked = this.#check === undefined ? data : this.#check(name, data)
    const packets = this.#encoders.map(([codec, encoder]): [string, Packet] => [codec, encoder.encode(name, checked)])
    const delivery = options && deliveryOf(name, options, this.#clockwork.now())
    this.#rooms.send({ rooms, except, delivery, packets })
  }

  /** Joins the others, and tries again later if that fails. */
  ring(): void {
    this.#join().catch((error: unknown) => {
      this.#leave()
      if (!this.#isOpen) return
      this.#failed(error)
      this.#clockwork.set(this, this.#clockwork.now() + REJOIN_MS)
    })
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { runtime } = this.#clockwork
    const until = this.#clockwork.now() + CLOSE_MS
    // At the end of the tick what was sent in it is published.
    await new Promise<void>((resolve) => runtime.soon(resolve))
    while (this.#rooms.waiting > 0 && this.#clockwork.now() < until) {
      await new Promise<void>((resolve) => runtime.after(LOOK_MS, resolve))
    }
    const { waiting } = this.#rooms
    this.#clockwork.clear(this)
    this.#rooms.close()
    this.#members.close()
    this.#leave()
    if (waiting === 0) return
    const what = `${waiting} messages could not be published: the store is away`
    throw new EverwireError("backplane-unavailable", what, { retryable: true })
  }

  async #join(): Promise<void> {
    const backplane = this.#backplane
    let isConnected = true
    this.#ends.push(
      backplane.onConnected((now) => {
        isConnected = now
        if (this.#members.hasJoined) this.#connected(now)
      }),
    )
    this.#ends.push(await this.#rooms.open())
    this.#ends.push(await backplane.subscribe(this.#topic, (data) => this.#members.take(data)))
    this.#connected(isConnected)
    this.#members.hasJoined = true
    this.#resolveJoined()
  }

  #connected(isConnected: boolean): void {
    this.#members.connected(isConnected)
    this.#rooms.connected(isConnected)
  }

  #leave(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  async #asked(selection: Selection, task: Task): ReturnType<RoomsAcross["ask"]> {
    this.#checkOpen()
    return this.#rooms.ask(selection, task)
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new EverwireError("misuse", "this publisher is closed; make another one")
  }
}

/** How often `close` looks whether all is published, in milliseconds. */
const LOOK_MS = 20

/** The peers of all hubs that are in at least one of these rooms, except those in others. */
class RoomsAfar {
  readonly #publisher: ClusterPublisher
  readonly #rooms: readonly string[]
  readonly #without: readonly string[]

  constructor(publisher: ClusterPublisher, rooms: readonly string[], without: readonly string[]) {
    this.#publisher = publisher
    this.#rooms = rooms
    this.#without = without
  }

  except(...rooms: readonly string[]): RoomsAfar {
    for (const room of rooms) checkRoom(room)
    return new RoomsAfar(this.#publisher, this.#rooms, [...this.#without, ...rooms])
  }
  send(name: string, data?: unknown, options?: SendOptions): void {
    this.#publisher.publish(this.#rooms, this.#without, name, data, options)
  }
  join(room: string): Promise<number> {
    return this.#ask(roomTask("join", room))
  }
  leave(room: string): Promise<number> {
    return this.#ask(roomTask("leave", room))
  }
  disconnect(options?: DisconnectOptions): Promise<number> {
    return this.#ask(disconnectTask(options))
  }

  #ask(task: Task): Promise<number> {
    return this.#publisher.ask({ rooms: this.#rooms, except: this.#without }, task)
  }
}
