import { closing } from "../../../src/kernel/errors.ts"
import { delays, loses } from "./faults.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

export const reentry: readonly Saboteur[] = [
  ...eachSeat(
    "reentry.send-in-batch",
    "loses what is sent in the 20th batch callback",
    /where packet 20 of 30 belongs/,
    loses((_, tap) => tap.inside === "batch" && tap.heard === 20),
  ),
  ...eachSeat(
    "reentry.close-in-batch",
    "tells of a close that was made in a batch callback",
    /silence after its own close; seen: batch, batch, closed/,
    (tap) => ({
      close(why) {
        if (tap.inside === "batch" && tap.heard > 0) tap.later(() => tap.tell.closed(why))
        tap.link.close(why)
      },
    }),
  ),
  saboteur(
    "reentry.answer-and-close",
    "closes in a batch callback before it has sent the answer",
    /packet 1 of 1 missing: "manswer/,
    {
      hub: delays((_, tap) => tap.inside === "batch" && tap.heard > 0),
    },
  ),
  saboteur(
    "reentry.calls-in-closed",
    "throws when something is sent in the closed callback",
    /not to throw; seen: send threw Error: not open/,
    {
      hub: loses((_, tap) => {
        if (tap.inside === "closed") throw new Error("not open")
        return false
      }),
    },
  ),
  saboteur(
    "reentry.dial-in-closed",
    "is not ready to dial in the closed callback",
    /a link: the first batch reaches the hub.*; seen: no hello at the hub/,
    {
      channel(tap) {
        const isEarly = tap.world.taps.channel.some(({ inside }) => inside === "closed")
        return isEarly ? { send() {} } : {}
      },
    },
  ),
  saboteur(
    "reentry.calls-in-writable",
    "loses a small batch that is sent in the writable callback",
    /writable, and what was sent in it to arrive; seen: \d+ of \d+ packets/,
    {
      channel: loses((batch, tap) => tap.inside === "writable" && batch.length < 100),
    },
  ),
  saboteur(
    "reentry.close-in-writable",
    "does not close in the writable callback",
    /the hub's end to be told that the link is over/,
    {
      channel: (tap) => ({ close: (why) => (tap.inside === "writable" ? undefined : tap.link.close(why)) }),
    },
  ),
  saboteur(
    "reentry.quiet-dial",
    "tells at once that nobody is there",
    /no callback from inside a call; seen: closed inside dial/,
    {
      channel(tap) {
        if (tap.world.vanished !== "hub") return {}
        tap.tell.closed(closing("network", "nobody is there"))
        return { closed() {} }
      },
    },
  ),
  ...eachSeat(
    "reentry.quiet-send",
    "tells at once that there is nobody to send to",
    /no callback from inside a call; seen: closed inside send/,
    (tap) => ({
      send(batch) {
        if (tap.over === undefined && tap.other?.over === "closed") tap.tell.closed(closing("network", "EPIPE"))
        tap.link.send(batch)
      },
      closed: (why) => (tap.over === undefined ? tap.tell.closed(why) : undefined),
    }),
  ),
  ...eachSeat(
    "reentry.quiet-close",
    "tells of room when it throws away what a close leaves behind",
    /no callback from inside a call; seen: writable inside close/,
    (tap) => ({
      close(why) {
        if (tap.link.bufferedBytes > 0 && tap.inside === undefined) tap.tell.writable()
        tap.link.close(why)
      },
    }),
  ),
]
