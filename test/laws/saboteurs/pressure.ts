import { loses } from "./faults.ts"
import type { Spoil, Tap } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** Bytes that a session calls enough. */
const FULL = 262_144

/** Counts something else than the wire holds. */
function counts(count: (bytes: number, tap: Tap) => number): Spoil {
  return (tap) => ({
    get bufferedBytes() {
      return count(tap.link.bufferedBytes, tap)
    },
  })
}

/** Does something beside sending. */
function afterSend(run: (tap: Tap) => void): Spoil {
  return (tap) => ({
    send(batch) {
      tap.link.send(batch)
      run(tap)
    },
  })
}

export const pressure: readonly Saboteur[] = [
  saboteur(
    "pressure.at-rest",
    "counts the headers of small batches and never takes them off",
    /nothing buffered at the channel's end; seen: \d+ bytes/,
    {
      channel: counts((bytes, tap) => bytes + (tap.sentBytes < 1_000 ? tap.sent : 0)),
    },
  ),
  ...bothWays(
    "pressure.grows",
    "counts nothing",
    /bufferedBytes to grow to 262144 in one tick; seen: 0 after 512 batches/,
    counts((bytes, tap) => (tap.heard < 0 ? bytes : 0)),
    [
      "pressure.falls-*",
      "pressure.writable-*",
      "pressure.writable-is-true",
      "reentry.calls-in-writable",
      "reentry.close-in-writable",
    ],
  ),
  ...bothWays(
    "pressure.grows",
    "counts large batches tenfold",
    /at most about \d+ bytes; seen: \d+/,
    counts((bytes, tap) => (tap.sentBytes / (tap.sent + 1) > 50_000 ? 10 * bytes : bytes)),
  ),
  ...bothWays(
    "pressure.falls",
    "keeps five bytes of many in its count",
    /nothing buffered at the \w+'s end; seen: 5 bytes/,
    counts((bytes, tap) => bytes + (tap.sentBytes > 100_000 ? 5 : 0)),
  ),
  saboteur(
    "pressure.before-open",
    "does not count what waits for the wire to open",
    /bufferedBytes to grow to 262144 in one tick; seen: 0 after/,
    {
      channel: counts((bytes, tap) => (tap.heard < 0 ? 0 : bytes)),
    },
  ),
  ...bothWays(
    "pressure.writable",
    "does not tell of room after large batches",
    /expected writable; seen: .*; bufferedBytes 0/,
    (tap) => ({ writable: () => (tap.sentBytes / tap.sent > 50_000 ? undefined : tap.tell.writable()) }),
    ["reentry.calls-in-writable", "reentry.close-in-writable"],
  ),
  saboteur(
    "pressure.writable-is-true",
    "tells of room when there is none",
    /less than 262144 bytes at each writable; seen: \d+/,
    {
      hub: afterSend((tap) => tap.link.bufferedBytes >= FULL && tap.later(() => tap.tell.writable())),
    },
  ),
  saboteur("pressure.unprompted", "tells of room after each ten batches", /no writable; seen: .*writable/, {
    channel: afterSend((tap) => tap.sent === 10 && tap.later(() => tap.over ?? tap.tell.writable(), 1)),
  }),
  ...bothWays(
    "pressure.pump",
    "loses a batch when its counter of two megabytes overflows",
    /where packet 53 of 60 belongs/,
    loses((batch, tap) => tap.sentBytes > 2_100_000 && tap.sentBytes - batch.length <= 2_100_000),
  ),
]
