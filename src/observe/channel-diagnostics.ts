import { channel } from "node:diagnostics_channel"
import type { Channel } from "../client/channel.ts"
import type { Incident } from "../client/connect/incident.ts"
import type { Status } from "../client/options.ts"
import type { Unsubscribe } from "../messaging/subscription.ts"
import type { Closing } from "../wire/errors.ts"

const STATUS = channel("everwire:channel:status")
const INCIDENT = channel("everwire:channel:incident")
const RESET = channel("everwire:channel:reset")

/** Every event of a channel names its session, as the events of the hub do. */
export interface ChannelEvent {
  /** `channel.peerId`: the id of the hub's peer. Undefined before the first welcome. */
  readonly peer: string | undefined
}

/** The status or the transport has changed. */
export interface ChannelStatus extends ChannelEvent {
  readonly status: Status
  /** The transport that carries the session. Undefined unless the status is `open`. */
  readonly transport: string | undefined
  /** Why the channel is not open. Undefined if it is. */
  readonly closing: Closing | undefined
  /** How many milliseconds from now the next climb begins. Undefined if none was announced. */
  readonly retryInMs: number | undefined
}

/** A dial, a welcome, a takeover or the end of a link: see `Incident`. */
export interface ChannelIncident extends ChannelEvent, Incident {}

/** A session has ended with messages whose fate is unknown: see `channel.onReset`. */
export interface ChannelReset extends ChannelEvent {
  readonly closing: Closing
  /** How many messages the hub may or may not have received. */
  readonly uncertain: number
}

/** The part of a channel that is listened to, so that a channel of any contract will do. */
type Heard = Pick<Channel, "peerId" | "onStatus" | "onIncident" | "onReset">

/**
 * Publishes what happens to a channel on channels of `node:diagnostics_channel`, until the function that it returns is
 * called. To be called in the tick in which the channel is created, so that the first dial is not missed.
 *
 * @example channelDiagnostics(createChannel("https://hub.example"))
 */
export function channelDiagnostics(heard: Heard): Unsubscribe {
  const offs = [
    heard.onStatus((status, { transport, closing, retryInMs }) => {
      if (!STATUS.hasSubscribers) return
      const event: ChannelStatus = { peer: heard.peerId, status, transport, closing, retryInMs }
      STATUS.publish(event)
    }),
    heard.onIncident((incident) => {
      if (!INCIDENT.hasSubscribers) return
      const event: ChannelIncident = { peer: heard.peerId, ...incident }
      INCIDENT.publish(event)
    }),
    heard.onReset(({ closing, messages }) => {
      if (!RESET.hasSubscribers) return
      const event: ChannelReset = { peer: heard.peerId, closing, uncertain: messages.length }
      RESET.publish(event)
    }),
  ]
  return () => {
    for (const off of offs) off()
  }
}
