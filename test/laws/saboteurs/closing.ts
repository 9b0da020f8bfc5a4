import { type Closing, type Code, closing } from "../../../src/kernel/errors.ts"
import type { Seat } from "../../../src/testing/laws.ts"
import { keepsBack, loses, packets } from "./faults.ts"
import type { Sabotage, Spoil, Tap } from "./sabotage.ts"
import { bothWays, eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** Closes for another reason. */
function closesAs(change: (why: Closing, tap: Tap) => Closing): Spoil {
  return (tap) => ({ close: (why) => tap.link.close(change(why, tap)) })
}

/** Some closes are never told: this end is over, the other waits. */
function forgetsClose(which: (why: Closing, tap: Tap) => boolean): Spoil {
  return (tap) => {
    let forgotten = false
    return {
      send: (batch) => (forgotten ? undefined : tap.link.send(batch)),
      close(why) {
        if (which(why, tap)) forgotten = true
        else tap.link.close(why)
      },
      closed: (why) => (forgotten ? undefined : tap.tell.closed(why)),
      batch: (batch) => (forgotten ? undefined : tap.tell.batch(batch)),
    }
  }
}

/** A break of the connection is told to ends that are over already. */
function tellsBreak(seat: Seat, over: Tap["over"]): Sabotage {
  return {
    rig: (world) => ({
      async sever() {
        const ended = world.taps[seat].filter((tap) => tap.over === over)
        await world.rig.sever?.()
        for (const tap of ended) tap.later(() => tap.tell.closed(closing("network", "broken")), 5)
      },
    }),
  }
}

/** What is sent when the link is over reaches the other end after all, once there is so much of it. */
function carriesOn(over: Tap["over"], count: number): Spoil {
  return (tap) => {
    let late = 0
    return {
      send(batch) {
        if (tap.over === over && ++late === count) tap.later(() => tap.other?.tell.batch(batch), 5)
        else tap.link.send(batch)
      },
    }
  }
}

const isOwn = ({ code, retryable }: Closing): boolean => code === "closed" && !retryable

const forgetsIdle = forgetsClose(
  (why, tap) => isOwn(why) && tap.sent + tap.heard + tap.number === 0 && tap.now > tap.busyAt,
)

const UNTOLD = /'s end to be told that the link is over; seen: batch$/
const TOLD_AGAIN = /one closed; seen: batch, closed, closed, closed with network/

export const closings: readonly Saboteur[] = [
  saboteur(
    "closing.told-up",
    "does not tell the hub that a link which carried nothing is over",
    UNTOLD,
    { channel: forgetsIdle },
    [
      "closing.once-up",
      "closing.send-after-own-channel",
      "closing.send-after-told-hub",
      "closing.after-told",
      "reentry.calls-in-closed",
      "isolation.close-at-channel",
      "cleanup.many",
    ],
  ),
  saboteur(
    "closing.told-down",
    "does not tell the channel that a link which carried nothing is over",
    UNTOLD,
    { hub: forgetsIdle },
    [
      "closing.once-down",
      "closing.send-after-own-hub",
      "closing.send-after-told-channel",
      "reentry.dial-in-closed",
      "isolation.close-at-hub",
      "cleanup.teardown",
    ],
  ),
  ...bothWays(
    "closing.code",
    "has no number for one code",
    /expected the code silent; seen: network/,
    closesAs((why) => (why.code === "silent" ? { ...why, code: "network" } : why)),
  ),
  saboteur("closing.reason", "makes single quotes of double ones", /expected the reason .*; seen: .*'quotes'/, {
    channel: closesAs((why) => ({ ...why, reason: why.reason.replaceAll('"', "'") })),
  }),
  saboteur("closing.retryable", "takes every close for final", /expected retryable: true; seen: retryable: false/, {
    hub: closesAs((why) => (why.code === "closed" ? { ...why, retryable: false } : why)),
  }),
  saboteur(
    "closing.retry-after",
    "forgets how long to wait",
    /expected retryAfterMs: 1234; seen: retryAfterMs: undefined/,
    {
      hub: closesAs(({ code, reason, retryable }) => ({ code, reason, retryable })),
    },
  ),
  ...bothWays(
    "closing.long-reason",
    "cannot close for a reason of a kilobyte",
    UNTOLD,
    forgetsClose(({ reason }) => reason.length > 1_000),
  ),
  saboteur("closing.once-up", "tells the hub of a break after the end", TOLD_AGAIN, tellsBreak("hub", "told")),
  saboteur(
    "closing.once-down",
    "tells the channel of a break after the end",
    TOLD_AGAIN,
    tellsBreak("channel", "told"),
  ),
  saboteur(
    "closing.own-is-silent-channel",
    "tells a channel that has closed of a break",
    /no closed after its own close; seen: .*closed/,
    tellsBreak("channel", "closed"),
  ),
  saboteur(
    "closing.own-is-silent-hub",
    "tells a hub that has closed of a break",
    /no closed after its own close; seen: .*closed/,
    tellsBreak("hub", "closed"),
  ),
  ...eachSeat(
    "closing.own-is-deaf",
    "hears on for a while when it has closed",
    /no batch after its own close; seen: .*batch, batch$/,
    (tap) => ({
      close: (why) => (isOwn(why) && tap.heard > 0 ? tap.later(() => tap.link.close(why), 3) : tap.link.close(why)),
      send: (batch) => (tap.over === "closed" ? undefined : tap.link.send(batch)),
    }),
  ),
  ...eachSeat(
    "closing.send-after-own",
    "closes at the end of the tick",
    /expected nothing to arrive; seen: .*batch/,
    (tap) => ({
      close: (why) => tap.later(() => tap.link.close(why)),
    }),
  ),
  ...eachSeat(
    "closing.send-after-told",
    "carries the third batch that is sent after the end",
    /nothing to arrive at an end that has closed; seen: batch/,
    carriesOn("told", 3),
  ),
  saboteur(
    "closing.twice",
    "closes for the last reason that it was given",
    /the code of the first close; seen: silent/,
    {
      channel(tap) {
        let last: Closing | undefined
        return {
          close(why) {
            last ?? tap.later(() => last && tap.link.close(last))
            last = why
          },
          send: (batch) => (last === undefined ? tap.link.send(batch) : undefined),
        }
      },
    },
  ),
  saboteur(
    "closing.after-told",
    "tells the other end of a close that came too late",
    /nothing more at the end that closed first; seen: .*closed/,
    {
      hub: (tap) => ({
        close(why) {
          if (tap.over === "told" && tap.inside === undefined) tap.later(() => tap.other?.tell.closed(why), 1)
          tap.link.close(why)
        },
      }),
    },
  ),
  saboteur(
    "closing.both-at-once",
    "tells the hub that it was not the first to close",
    /nothing at the hub's end; seen: batch, closed/,
    {
      hub: (tap) => ({
        close(why) {
          if (tap.over === undefined && tap.other?.over === "closed") tap.later(() => tap.tell.closed(why), 1)
          tap.link.close(why)
        },
      }),
    },
  ),
  saboteur(
    "closing.before-open",
    "tells a channel that its dial was cancelled",
    /nothing at the channel's end; seen: .*closed/,
    {
      channel: (tap) => ({
        close(why) {
          if (tap.now === tap.openedAt) tap.later(() => tap.tell.closed(why), 1)
          tap.link.close(why)
        },
      }),
    },
  ),
  saboteur("closing.before-hello", "says goodbye where nobody has said hello", /no batch at the hub's; seen: batch/, {
    channel: (tap) => ({
      close(why) {
        if (tap.sent < 0) tap.link.send("goodbye")
        tap.link.close(why)
      },
    }),
  }),
  ...bothWays(
    "closing.last-words",
    "loses the last of many batches when it is closed",
    /20 packets before the end; seen: 19/,
    keepsBack((_, tap) => tap.burst === 20, "tick"),
  ),
  ...bothWays(
    "closing.nothing-follows",
    "carries the tenth batch that is sent after a close",
    /closed to be the last that is told; seen: .*closed, batch/,
    carriesOn("closed", 10),
  ),
  saboteur(
    "closing.refused-hello",
    "loses the hub's last word to a hello that it refuses",
    /the last word; seen: no opening, closed/,
    {
      hub: loses((batch, tap) => tap.heard === 0 && tap.sent === 0 && packets(batch).length === 2),
    },
  ),
  saboteur(
    "closing.at-the-door",
    "does not close before it has said something",
    /to be told that the link is over; seen: no opening/,
    { hub: forgetsClose((_, tap) => tap.sent < 0) },
  ),
  saboteur(
    "closing.unreachable",
    "gives up for good when nobody is there",
    /expected retryable: true; seen: retryable: false/,
    {
      channel: (tap) => ({
        closed: (why) =>
          tap.tell.closed({ ...why, retryable: why.retryable && (tap.world.vanished === undefined || tap.heard >= 0) }),
      }),
    },
  ),
]

/** The other end is told another code. */
export function recodes(from: Code, to: Code, which: (tap: Tap) => boolean): Spoil {
  return closesAs((why, tap) => (why.code === from && which(tap) ? { ...why, code: to } : why))
}
