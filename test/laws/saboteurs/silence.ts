import type { Closing } from "../../../src/kernel/errors.ts"
import { closing } from "../../../src/kernel/errors.ts"
import { kindOf } from "../../../src/kernel/packet.ts"
import { packets } from "./faults.ts"
import type { Spoil, Tap } from "./sabotage.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** Some ends are never told. */
function hidesEnd(which: (tap: Tap) => boolean): Spoil {
  return (tap) => ({ closed: (why) => (which(tap) ? undefined : tap.tell.closed(why)) })
}

/** When the other end has vanished, something on the way acknowledges whatever is still sent. */
const speaksForTheDead: Spoil = (tap) => {
  let said = 0
  let end: Closing | undefined
  return {
    closed(why) {
      if (tap.heard < 0) return tap.tell.closed(why)
      end = why
      tap.later(() => end && tap.tell.closed(end), 1_000)
    },
    send(batch) {
      const kinds = packets(batch).map(kindOf)
      said += kinds.filter((kind) => kind === "m").length
      const probe = packets(batch).find((packet) => kindOf(packet) === "p")
      if (tap.world.vanished === undefined || tap.heard < 0) return tap.link.send(batch)
      end = undefined
      const answer = probe === undefined ? `a${said}` : `a${said},${String(probe).slice(1)}`
      tap.later(() => tap.over === undefined && tap.tell.batch(answer), 2)
    },
  }
}

export const silence: readonly Saboteur[] = [
  saboteur(
    "silence.hub-noticed",
    "does not notice that the hub has vanished",
    /the channel's end to be told that the link is over/,
    {
      channel: hidesEnd((tap) => tap.world.vanished === "hub" && tap.heard === 0),
    },
  ),
  saboteur(
    "silence.channel-noticed",
    "does not notice that the channel has vanished",
    /the hub's end to be told that the link is over/,
    {
      hub: hidesEnd((tap) => tap.world.vanished === "channel"),
    },
  ),
  saboteur("silence.severed", "keeps a broken connection to itself", /the end, or all that was said; seen: batch$/, {
    channel: hidesEnd((tap) => tap.world.severed),
  }),
  ...eachSeat(
    "silence.harmless",
    "throws when too much was sent to an end that has vanished",
    /calls to a link or a dialer not to throw; seen: send threw Error: EPIPE/,
    (tap) => {
      let left = 50
      return {
        send(batch) {
          if (tap.world.vanished !== undefined && --left === 0) throw new Error("EPIPE")
          tap.link.send(batch)
        },
      }
    },
  ),
  saboteur(
    "silence.quiet-is-alive",
    "tells the hub of an end when nothing was said for two seconds",
    /no end at the hub's; seen: batch, closed, closed with timeout/,
    {
      hub(tap) {
        tap.later(() => tap.busyAt <= tap.openedAt && tap.tell.closed(closing("timeout", "nothing was said")), 2_200)
        return {}
      },
    },
  ),
  saboteur(
    "silence.concluded-by-hub",
    "speaks for a channel that has vanished",
    /the hub's session to let go of the link; seen: it still believes/,
    { hub: speaksForTheDead },
  ),
  saboteur(
    "silence.concluded-by-channel",
    "speaks for a hub that has vanished",
    /the channel's session to doubt the link; seen: it still believes/,
    { channel: speaksForTheDead },
  ),
]
