import type { Seat } from "../../../src/testing/laws.ts"
import { type Closing, closing } from "../../../src/wire/errors.ts"
import { closesAs, keepsBack, loses, packets, whenClosed } from "./faults.ts"
import type { Sabotage, Spoil, Tap } from "./sabotage.ts"
import { bothWays, eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** Some closes are not told to the other end, which waits. */
function forgetsClose(which: (why: Closing, tap: Tap) => boolean): Spoil {
  return (tap) => {
    let isForgotten = false
    return {
      send: (batch) => (isForgotten ? undefined : tap.link.send(batch)),
      close(why) {
        if (which(why, tap)) isForgotten = true
        else tap.link.close(why)
      },
      closed: (why) => (isForgotten ? undefined : tap.tell.closed(why)),
      batch: (batch) => (isForgotten ? undefined : tap.tell.batch(batch)),
    }
  }
}

/** Reports a break of the connection to ends that are over already. */
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

/** Once there is enough of it, data sent after the end of the link reaches the other end. */
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

/**
 * Closes at the end of the tick, and still sends what comes before; or closes after some ms, in which it only hears.
 */
function closesLate(which = (_why: Closing, _tap: Tap): boolean => true, delayMs?: number): Spoil {
  return (tap) => ({
    close(why) {
      if (tap.inside === undefined && which(why, tap)) tap.later(() => tap.link.close(why), delayMs)
      else tap.link.close(why)
    },
    send: (batch) => (tap.over === "closed" && delayMs !== undefined ? undefined : tap.link.send(batch)),
  })
}

/** Closes at the end of the tick, with the last reason that it was given. */
const closesLast: Spoil = (tap) => {
  let last: Closing | undefined
  return {
    send: (batch) => (last === undefined ? tap.link.send(batch) : undefined),
    close(why) {
      if (tap.inside !== undefined) return tap.link.close(why)
      if (last === undefined) tap.later(() => tap.link.close(last ?? why))
      last = why
    },
  }
}

const isPlain = ({ code, retryable }: Closing): boolean => code === "closed" && !retryable

const forgetsIdle = forgetsClose(
  (why, tap) => isPlain(why) && tap.sent + tap.heard + tap.number === 0 && tap.now > tap.busyAt,
)

const UNTOLD = /'s end to be told that the link is over; seen: batch$/
const TOLD_AGAIN = /one closed; seen: batch, closed, closed, closed with network/
const TOLD_OWN = /no closed after its own close; seen: batch, closed, closed with network/

export const closings: readonly Saboteur[] = [
  saboteur("closing.told-up", "forgets to tell the hub that an idle link is over", UNTOLD, {
    channel: forgetsIdle,
    also: [
      ...["closing.once-up", "closing.send-after-own-channel", "closing.send-after-told-hub", "closing.after-told"],
      ...["reentry.calls-in-closed", "isolation.close-at-channel", "cleanup.many"],
    ],
  }),
  saboteur("closing.told-down", "forgets to tell the channel that an idle link is over", UNTOLD, {
    hub: forgetsIdle,
    also: [
      ...["closing.once-down", "closing.send-after-own-hub", "closing.send-after-told-channel"],
      ...["reentry.dial-in-closed", "isolation.close-at-hub", "cleanup.teardown"],
    ],
  }),
  ...bothWays("closing.code", "has no number for one code", /expected the code silent; seen: network/, {
    from: closesAs((why) => (why.code === "silent" ? { ...why, code: "network" } : why)),
  }),
  saboteur("closing.reason", "makes single quotes of double ones", /expected the reason .*; seen: .*'quotes'/, {
    channel: closesAs((why) => ({ ...why, reason: why.reason.replaceAll('"', "'") })),
  }),
  saboteur("closing.retryable", "takes every close for final", /expected retryable: true; seen: retryable: false/, {
    hub: closesAs((why) => (why.code === "closed" ? { ...why, retryable: false } : why)),
  }),
  saboteur("closing.retry-after", "forgets how long to wait", /retryAfterMs: 1234; seen: retryAfterMs: undefined/, {
    hub: closesAs(({ code, reason, retryable }) => ({ code, reason, retryable })),
  }),
  ...bothWays("closing.long-reason", "cannot close for a reason of a kilobyte", UNTOLD, {
    from: forgetsClose(({ reason }) => reason.length > 1_000),
  }),
  saboteur("closing.once-up", "tells the hub of a break after the end", TOLD_AGAIN, tellsBreak("hub", "told")),
  saboteur("closing.once-down", "tells the channel of a break after it", TOLD_AGAIN, tellsBreak("channel", "told")),
  saboteur("closing.own-is-silent-channel", "tells a closed channel", TOLD_OWN, tellsBreak("channel", "closed")),
  saboteur("closing.own-is-silent-hub", "tells a closed hub of a break", TOLD_OWN, tellsBreak("hub", "closed")),
  ...eachSeat("closing.own-is-deaf", "hears on when it has closed", /no batch after its own close; seen: .*batch$/, {
    end: closesLate((why, tap) => isPlain(why) && tap.heard > 0, 3),
  }),
  ...eachSeat("closing.send-after-own", "closes at the end of the tick", /nothing to arrive; seen: batch, batch/, {
    end: closesLate(),
  }),
  ...eachSeat("closing.send-after-told", "carries the third batch after the end", /at an end that has closed; seen/, {
    end: carriesOn("told", 3),
  }),
  saboteur("closing.twice", "closes for the last reason given", /the code of the first close; seen: silent/, {
    channel: closesLast,
  }),
  saboteur("closing.twice", "tells of both closes", /expected one closed; seen: batch, closed, closed/, {
    channel: whenClosed((tap, why) => tap.over === "closed" && tap.later(() => tap.other?.tell.closed(why), 5)),
  }),
  saboteur("closing.after-told", "tells of a close that came too late", /end that closed first; seen: .*closed with/, {
    hub: whenClosed((tap, why) => {
      if (tap.over === "told" && tap.inside === undefined) tap.later(() => tap.other?.tell.closed(why), 1)
    }),
  }),
  saboteur("closing.both-at-once", "tells the hub that it closed second", /at the hub's end; seen: batch, closed/, {
    hub: whenClosed((tap, why) => {
      if (tap.over === undefined && tap.other?.over === "closed") tap.later(() => tap.tell.closed(why), 1)
    }),
  }),
  saboteur("closing.before-open", "tells that a dial was cancelled", /nothing at the channel's end; seen: .*closed/, {
    channel: whenClosed((tap, why) => tap.now === tap.openedAt && tap.later(() => tap.tell.closed(why), 1)),
  }),
  saboteur("closing.before-hello", "says goodbye without a hello", /no batch at the hub's; seen: batch/, {
    channel: whenClosed((tap) => tap.sent < 0 && tap.link.send("goodbye")),
  }),
  saboteur("closing.before-hello", "tells that nothing was said", /nothing at the channel's end; seen: .*closed with/, {
    channel: whenClosed((tap, why) => tap.sent < 0 && tap.later(() => tap.tell.closed(why), 1)),
  }),
  ...bothWays("closing.last-words", "loses the last of many batches", /20 packets before the end; seen: 19/, {
    from: keepsBack((_, tap) => tap.burst === 20, "tick"),
  }),
  ...bothWays("closing.nothing-follows", "carries much after a close", /last that is told; seen: .*d, batch,/, {
    from: carriesOn("closed", 10),
  }),
  saboteur("closing.refused-hello", "loses what comes with a refusal", /the last word; seen: no opening, closed/, {
    hub: loses((batch, tap) => tap.heard === 0 && tap.sent === 0 && packets(batch).length === 2),
  }),
  saboteur("closing.refused-hello", "has no code for a refusal", /the code unauthorized; seen: network/, {
    hub: closesAs((why, tap) =>
      why.code === "unauthorized" && tap.now === tap.busyAt ? { ...why, code: "network" } : why,
    ),
  }),
  saboteur("closing.at-the-door", "tells no code at the door", /the code over-capacity; seen: network/, {
    hub: closesAs((why, tap) => (tap.sent < 0 ? { ...why, code: "network" } : why)),
  }),
  saboteur("closing.at-the-door", "does not close before it has spoken", /link is over; seen: no opening, nothing/, {
    hub: forgetsClose((_, tap) => tap.sent < 0),
  }),
  saboteur("closing.unreachable", "says twice that nobody is there", /nothing else; seen: .*closed, closed/, {
    channel: (tap) => ({
      closed(why) {
        tap.tell.closed(why)
        if (tap.heard < 0 && tap.world.vanished) tap.later(() => tap.tell.closed(why))
      },
    }),
  }),
  saboteur("closing.unreachable", "gives up when nobody is there", /retryable: true; seen: retryable: false/, {
    channel: (tap) => ({
      closed: (why) => tap.tell.closed(tap.heard < 0 && tap.world.vanished ? { ...why, retryable: false } : why),
    }),
  }),
]
