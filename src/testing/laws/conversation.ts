import { CHANNEL_ACK } from "../../client/channel-session.ts"
import { HUB_ACK } from "../../server/settings.ts"
import { Clockwork } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import { Session, type SessionHost, type SessionSettings } from "../../session/session.ts"
import { createTraffic } from "../../session/traffic.ts"
import type { Packet } from "../../wire/batch.ts"
import * as defaults from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"
import { readCount } from "../../wire/packet.ts"
import type { Bench } from "./bench.ts"
import type { End } from "./end.ts"
import { difference, notes } from "./packets.ts"
import type { Seat } from "./subject.ts"

/** A session in one of its two seats. It records the packets that it sends and delivers. */
export class Speaker implements SessionHost {
  readonly session: Session
  readonly traffic = createTraffic()
  readonly said: Packet[] = []
  readonly heard: Packet[] = []
  /** Whether the current link has not answered in time. */
  inDoubt = false
  /** Protocol errors that the session found. Each is a failure of the transport. */
  readonly faults: string[] = []
  readonly #seat: Seat
  readonly #bench: Bench

  constructor(bench: Bench, seat: Seat, settings: Partial<SessionSettings>) {
    this.#bench = bench
    this.#seat = seat
    const common = {
      heartbeatMs: defaults.HEARTBEAT_MS,
      heartbeatTimeoutMs: defaults.HEARTBEAT_TIMEOUT_MS,
      maxOutboxBytes: defaults.MAX_OUTBOX_BYTES,
    }
    const acks = seat === "hub" ? HUB_ACK : CHANNEL_ACK
    this.session = new Session(new Clockwork(bench.timers[seat]), this, { ...common, ...acks, ...settings })
  }

  /** Sends `count` messages, each padded to at least `bytes` bytes. */
  say(count: number, bytes = 0): void {
    for (const packet of notes(count, `${this.#seat}-${this.said.length}-`, bytes)) {
      this.said.push(packet)
      this.session.say(packet)
    }
  }

  /** Connects this end of a link to the session. */
  listen(end: End): void {
    end.onPacket = (packet) => this.#hear(end.link, packet)
    end.onClosed = () => this.session.linkLost(end.link)
    end.onWritable = () => this.session.writable(end.link)
  }

  deliver(packet: Packet): void {
    this.heard.push(packet)
    this.#bench.news()
  }
  control(_link: Link, packet: string): void {
    this.faults.push(`${packet} is no packet of a session`)
  }
  doubted(): void {
    this.inDoubt = true
  }
  silent(): void {
    this.#bench.news()
  }
  answered(): void {
    this.inDoubt = false
  }

  #hear(link: Link, packet: Packet): void {
    try {
      this.session.hear(link, [packet])
    } catch (error) {
      if (!(error instanceof EverwireError)) throw error
      this.faults.push(error.message)
    }
  }
}

/**
 * Two sessions over links of the transport, with a minimal handshake: a turn and the number of the last packet heard.
 */
export class Conversation {
  readonly channel: Speaker
  readonly hub: Speaker
  /** The channel's end of the last link that was dialed. */
  end: End | undefined
  readonly #bench: Bench
  #turn = 0
  #obeyed = 0

  constructor(bench: Bench, settings: Partial<SessionSettings> = {}) {
    this.#bench = bench
    this.channel = new Speaker(bench, "channel", settings)
    this.hub = new Speaker(bench, "hub", settings)
    bench.receive = (end) => {
      this.hub.listen(end)
      end.onOpening = (hello) => this.#welcome(end, hello)
    }
  }

  /** Dials a link and makes it the current one of both sessions. */
  async connect(): Promise<End> {
    const end = this.#dial()
    await this.#bench.until(
      () => this.channel.session.link === end.link,
      "a link for the sessions",
      () => `${end.opening === undefined ? "no" : "a"} welcome`,
    )
    return end
  }

  /** Closes the channel's link. */
  leave(end: End): void {
    end.close()
    this.channel.session.linkLost(end.link)
    if (this.end === end) this.end = undefined
  }

  /** Waits until each side has heard everything that the other said, and dials again when there is no link. */
  async agree(): Promise<void> {
    const { channel, hub } = this
    await this.#bench.until(
      () => {
        this.#tend()
        return hub.heard.length >= channel.said.length && channel.heard.length >= hub.said.length
      },
      "everything that was said to be heard",
      () => this.#verdict() ?? "all of it",
    )
    await this.#bench.settle()
    const wrong = this.#verdict()
    if (wrong !== undefined) this.#bench.broken("everything once and in order", wrong)
  }

  #verdict(): string | undefined {
    const { channel, hub } = this
    const up = difference(channel.said, hub.heard)
    const down = difference(hub.said, channel.heard)
    const faults = [...channel.faults, ...hub.faults]
    if (faults.length > 0) return faults[0]
    return up === undefined ? down && `at the channel ${down}` : `at the hub ${up}`
  }

  /** Closes a link that does not answer, and dials another when there is none. */
  #tend(): void {
    const { session, inDoubt } = this.channel
    this.channel.inDoubt = false
    // The old link is closed before the dial: if the dial failed, its hello could still take the hub's session away
    // from the old link.
    if (inDoubt && this.end !== undefined) this.leave(this.end)
    if (session.link === undefined && (this.end === undefined || this.end.over)) this.#dial()
  }

  #dial(): End {
    const end = this.#bench.dial()
    this.end = end
    this.channel.listen(end)
    end.onOpening = (welcome) => {
      if (this.end === end) this.channel.session.attach(end.link, { heard: readCount(welcome.slice(1)) })
    }
    end.send(`h${++this.#turn},${this.channel.session.heard}`)
    return end
  }

  /**
   * Attaches the hub's session to the link of the latest hello. A hello with an older turn, which came late, is
   * ignored.
   */
  #welcome(end: End, hello: string): void {
    const [turn = "", heard = ""] = hello.slice(1).split(",")
    if (readCount(turn) <= this.#obeyed) return
    this.#obeyed = readCount(turn)
    const { session } = this.hub
    end.send(`w${session.heard}`)
    session.attach(end.link, { heard: readCount(heard) })
  }
}
