import { crosses, loses, whenSent } from "./faults.ts"
import type { Spoil, Tap } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** The number of waiting bytes at which a session stops sending. */
const FULL = 262_144

/** Reports another number of buffered bytes than the wire holds. */
function counts(count: (bytes: number, tap: Tap) => number): Spoil {
  return (tap) => ({
    get bufferedBytes() {
      return count(tap.link.bufferedBytes, tap)
    },
  })
}

/** Bytes of a batch after the opening, on average. */
const average = (tap: Tap): number => tap.sentBytes / tap.sent

const UNGROWN = /bufferedBytes to grow to 262144 in one tick; seen: 0 after/

export const pressure: readonly Saboteur[] = [
  saboteur("pressure.at-rest", "counts headers and never takes them off", /the channel's end; seen: 10 bytes/, {
    channel: counts((bytes, tap) => bytes + (tap.sentBytes < 1_000 ? tap.sent : 0)),
  }),
  ...bothWays("pressure.grows", "counts nothing once it is open", UNGROWN, {
    from: counts((bytes, tap) => (tap.heard < 0 ? bytes : 0)),
    also: [
      ...["pressure.falls-*", "pressure.writable-*", "pressure.writable-is-true"],
      ...["reentry.calls-in-writable", "reentry.close-in-writable"],
    ],
  }),
  ...bothWays("pressure.grows", "counts large batches tenfold", /at most about 131072 bytes; seen: 655360/, {
    from: counts((bytes, tap) => (average(tap) > 50_000 ? 10 * bytes : bytes)),
  }),
  ...bothWays("pressure.falls", "keeps five bytes of many in its count", /nothing buffered at .*; seen: 5 bytes/, {
    from: counts((bytes, tap) => bytes + (tap.sentBytes > 100_000 ? 5 : 0)),
  }),
  saboteur("pressure.before-open", "does not count what waits for the wire to open", UNGROWN, {
    channel: counts((bytes, tap) => (tap.heard < 0 ? 0 : bytes)),
  }),
  ...bothWays("pressure.writable", "does not tell of room after large batches", /expected writable; seen: .*Bytes 0/, {
    from: (tap) => ({ writable: () => (average(tap) > 50_000 ? undefined : tap.tell.writable()) }),
    also: ["reentry.calls-in-writable", "reentry.close-in-writable"],
  }),
  saboteur("pressure.writable-is-true", "tells of room without any", /less than 262144 bytes .*; seen: \d{6}/, {
    hub: whenSent((tap) => tap.link.bufferedBytes >= FULL && tap.later(() => tap.tell.writable())),
  }),
  saboteur("pressure.unprompted", "tells of room after ten batches", /no writable; seen: .*writable/, {
    channel: whenSent((tap) => tap.sent === 10 && tap.later(() => tap.over ?? tap.tell.writable(), 1)),
  }),
  ...bothWays("pressure.pump", "loses a batch when its counter of bytes overflows", /where packet 53 of 60 belongs/, {
    from: loses(({ length }, tap) => crosses(2_100_000, tap.sentBytes, length)),
  }),
  ...bothWays("pressure.pump", "counts 30 to 45 kB tenfold", /never more than 342144 bytes buffered; seen: \d{6,}/, {
    from: counts((bytes, tap) => (average(tap) > 30_000 && average(tap) < 45_000 ? 10 * bytes : bytes)),
  }),
]
