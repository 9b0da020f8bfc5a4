import type { Seat } from "../../../src/testing/laws.ts"
import { type Closing, closing } from "../../../src/wire/errors.ts"
import { kindOf } from "../../../src/wire/packet.ts"
import { loses, packets, whenClosed } from "./faults.ts"
import type { Spoil, Tap } from "./sabotage.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** Some ends are never told that the link is over. */
function hidesEnd(which: (tap: Tap) => boolean): Spoil {
  return (tap) => ({ closed: (why) => (which(tap) ? undefined : tap.tell.closed(why)) })
}

/** Treats the loss of an open link as final, not as retryable. */
function final(vanished: Seat): Spoil {
  return (tap) => ({
    closed: (why) =>
      tap.tell.closed(tap.heard >= 0 && tap.world.vanished === vanished ? { ...why, retryable: false } : why),
  })
}

const FINAL = /a closing that allows dialing again; seen: network, retryable: false/

/** When the other end has vanished, something on the way still acknowledges what is sent. */
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
      said += packets(batch).filter((packet) => kindOf(packet) === "m").length
      if (tap.world.vanished === undefined || tap.heard < 0) return tap.link.send(batch)
      end = undefined
      const probe = packets(batch).find((packet) => kindOf(packet) === "p")
      const answer = probe === undefined ? `a${said}` : `a${said},${String(probe).slice(1)}`
      tap.later(() => tap.over === undefined && tap.tell.batch(answer), 2)
    },
  }
}

/** Fails with an error when much was sent to a vanished end. */
const breaksDown: Spoil = (tap) => {
  let left = 50
  return loses(() => {
    if (tap.world.vanished !== undefined && --left === 0) throw new Error("EPIPE")
    return false
  })(tap)
}

/** Acts when nothing was sent or heard in the first 2.2 s of the link. */
function whenIdle(run: (tap: Tap) => void): Spoil {
  return (tap) => {
    tap.later(() => tap.busyAt <= tap.openedAt && run(tap), 2_200)
    return {}
  }
}

export const silence: readonly Saboteur[] = [
  saboteur("silence.hub-noticed", "does not see that the hub has vanished", /the channel's end to be told that/, {
    channel: hidesEnd((tap) => tap.world.vanished === "hub" && tap.heard === 0),
  }),
  saboteur("silence.channel-noticed", "does not see that the channel has vanished", /the hub's end to be told that/, {
    hub: hidesEnd((tap) => tap.world.vanished === "channel"),
  }),
  saboteur("silence.hub-noticed", "gives up for good when the hub has vanished", FINAL, {
    channel: final("hub"),
  }),
  saboteur("silence.channel-noticed", "gives up for good when the channel has vanished", FINAL, {
    hub: final("channel"),
  }),
  saboteur("silence.severed", "keeps a break to itself", /the end, or all that was said; seen: batch$/, {
    channel: hidesEnd((tap) => tap.world.severed),
  }),
  ...eachSeat("silence.harmless", "throws in the end", /not to throw; seen: send threw Error: EPIPE/, {
    end: breaksDown,
  }),
  ...eachSeat("silence.harmless", "tells of an end after the close", /after the close; seen: .*closed, closed/, {
    end: whenClosed((tap, why) => tap.world.vanished !== undefined && tap.later(() => tap.tell.closed(why))),
  }),
  saboteur("silence.quiet-is-alive", "tells of an idle link", /no end at the hub's; seen: .*timeout \(idle\)/, {
    hub: whenIdle((tap) => tap.tell.closed(closing("timeout", "idle"))),
  }),
  saboteur("silence.quiet-is-alive", "says something on an idle link", /nothing that nobody said at the hub's; seen/, {
    hub: whenIdle((tap) => tap.tell.batch("midle\t")),
    also: ["order.after-quiet"],
  }),
  saboteur("silence.concluded-by-hub", "speaks for a channel that has vanished", /let go of the link; seen: it still/, {
    hub: speaksForTheDead,
  }),
  saboteur("silence.concluded-by-channel", "speaks for a hub that has vanished", /doubt the link; seen: it still/, {
    channel: speaksForTheDead,
  }),
]
