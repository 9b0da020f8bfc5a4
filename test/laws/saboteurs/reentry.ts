import type { Batch } from "../../../src/transports/transport.ts"
import { closing } from "../../../src/wire/errors.ts"
import { delays, loses, whenClosed } from "./faults.ts"
import type { Spoil } from "./sabotage.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** Throws an error as browsers do. */
const throwsInClosed = loses((_, tap) => {
  if (tap.inside === "closed") throw new Error("not open")
  return false
})

/** send() reports the lost link inside the call. */
const tellsInSend: Spoil = (tap) => ({
  send(batch) {
    if (tap.over === undefined && tap.other?.over === "closed") tap.tell.closed(closing("network", "EPIPE"))
    tap.link.send(batch)
  },
  closed: (why) => (tap.over === undefined ? tap.tell.closed(why) : undefined),
})

/** Delivers what has arrived at the end of the tick: during a send() that comes before, or even after a close. */
function collects(brings: "in send" | "after close"): Spoil {
  return (tap) => {
    const waiting: Batch[] = []
    const bring = (): void => {
      for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
        if (tap.over === undefined || brings === "after close") tap.tell.batch(batch)
      }
    }
    return {
      batch(batch) {
        waiting.push(batch)
        tap.later(bring)
      },
      closed(why) {
        bring()
        tap.tell.closed(why)
      },
      send(batch) {
        if (brings === "in send") bring()
        tap.link.send(batch)
      },
    }
  }
}

const tellsInDial: Spoil = (tap) => {
  if (tap.world.vanished !== "hub") return {}
  tap.tell.closed(closing("network", "nobody is there"))
  return { closed() {} }
}

export const reentry: readonly Saboteur[] = [
  ...eachSeat("reentry.send-in-batch", "loses what is sent in the 20th batch callback", /packet 20 of 30 belongs/, {
    end: loses((_, tap) => tap.inside === "batch" && tap.heard === 20),
  }),
  ...eachSeat("reentry.close-in-batch", "tells of a close in batch", /own close; seen: batch, batch, closed/, {
    end: whenClosed((tap, why) => {
      if (tap.inside === "batch" && tap.heard > 0) tap.later(() => tap.tell.closed(why))
    }),
  }),
  ...eachSeat(
    "reentry.close-in-batch",
    "brings more after a close in batch",
    /own close; seen: .*batch, batch, batch$/,
    {
      end: collects("after close"),
    },
  ),
  saboteur("reentry.answer-and-close", "closes before it answers", /at the channel's end; .* missing: "manswer/, {
    hub: delays((_, tap) => tap.inside === "batch" && tap.heard > 0),
  }),
  saboteur("reentry.calls-in-closed", "throws in the closed callback", /seen: send threw Error: not open/, {
    hub: throwsInClosed,
  }),
  saboteur("reentry.calls-in-closed", "tells of a close in the closed callback", /one closed; seen: .*closed, closed/, {
    hub: whenClosed((tap, why) => {
      const { kept } = tap.world
      if (tap.inside === "closed" && !kept.has("told")) tap.later(() => tap.tell.closed(why))
      if (tap.inside === "closed") kept.set("told", "")
    }),
  }),
  saboteur("reentry.dial-in-closed", "cannot dial in the closed callback", /a link: .*; seen: no hello at the hub/, {
    channel: ({ world }) => (world.taps.channel.some(({ inside }) => inside === "closed") ? { send() {} } : {}),
  }),
  saboteur("reentry.calls-in-writable", "loses what is sent in writable", /what was sent in it to arrive/, {
    channel: loses(({ length }, tap) => tap.inside === "writable" && length < 100),
  }),
  saboteur("reentry.close-in-writable", "does not close in writable", /hub's end to be told that/, {
    channel: (tap) => ({ close: (why) => (tap.inside === "writable" ? undefined : tap.link.close(why)) }),
  }),
  saboteur("reentry.quiet-dial", "tells at once that nobody is there", /seen: closed inside dial/, {
    channel: tellsInDial,
  }),
  ...eachSeat("reentry.quiet-send", "tells at once that nobody hears", /seen: closed inside send/, {
    end: tellsInSend,
  }),
  ...eachSeat("reentry.quiet-send", "hears before it sends", /seen: batch inside send/, {
    end: collects("in send"),
    also: ["reentry.send-in-batch-*"],
  }),
  ...eachSeat("reentry.quiet-close", "tells of room when it throws away", /seen: writable inside close/, {
    end: whenClosed((tap) => tap.link.bufferedBytes > 0 && tap.inside === undefined && tap.tell.writable()),
  }),
]
