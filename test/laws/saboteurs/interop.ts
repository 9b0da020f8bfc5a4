import type { Code } from "../../../src/wire/errors.ts"
import { kindOf } from "../../../src/wire/packet.ts"
import { closesAs, crosses, loses, losesLastPacket, packets, rewrites, type Which, whenClosed } from "./faults.ts"
import { losesLost } from "./integrity.ts"
import type { Sabotage, Spoil, Tap } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

/** A link dialed after one that `how` accepts loses the last packet of its first upward batch of at least `least`. */
function after(how: (previous: Tap) => boolean, least = 20): Sabotage {
  return {
    channel(tap) {
      let isDue = tap.previous !== undefined && how(tap.previous)
      return losesLastPacket((batch) => {
        if (!isDue || packets(batch).length < least) return false
        isDue = false
        return true
      })(tap)
    },
  }
}

/** Hides one code: drops the packet that names it, and closes with `network` after that. */
function hushes(code: Code): Spoil {
  return (tap) => {
    let isHushed = false
    return {
      send(batch) {
        if (typeof batch === "string" && batch.includes(`"${code}"`)) isHushed = true
        else tap.link.send(batch)
      },
      close: (why) => tap.link.close(isHushed ? { ...why, code: "network", retryable: true } : why),
    }
  }
}

/** Whether a batch holds from `least` to `most` packets. */
function holds(least: number, most: number): Which {
  return (batch) => packets(batch).length >= least && packets(batch).length <= most
}

/** Whether a batch holds a packet of this kind. */
function has(kind: string): Which {
  return (batch) => packets(batch).some((packet) => kindOf(packet) === kind)
}

/** The fifth loss is not repaired. */
const tires: Sabotage["rig"] = ({ kept }) => {
  let losses = 0
  return { lose: () => void (++losses === 5 && kept.set("lost", "")) }
}

const WRONG = /everything .*; seen: at the hub .*: "mchannel-/

export const interop: readonly Saboteur[] = [
  saboteur("interop.session", "loses the last of some sixty packets", WRONG, {
    channel: losesLastPacket(holds(60, 64)),
  }),
  saboteur("interop.session-redials", "loses a packet after the channel closed a link", WRONG, {
    ...after(({ over }) => over === "closed"),
  }),
  saboteur("interop.session-hub-closes", "loses a packet after the hub closed a link", WRONG, {
    ...after(({ why }) => why?.code === "closed"),
  }),
  saboteur("interop.session-overlap", "loses a packet on a link dialed beside another", WRONG, {
    ...after(({ over }) => over === undefined),
  }),
  saboteur("interop.session-severed", "loses a packet after a break", WRONG, {
    ...after(({ world }) => world.severed),
  }),
  saboteur("interop.session-lossy", "repeats nothing after many losses", WRONG, {
    rig: tires,
    channel: losesLost,
  }),
  saboteur("interop.session-bulk", "loses a batch when megabytes go both ways", WRONG, {
    channel: loses(({ length }, tap) => tap.heardBytes > 1_000_000 && crosses(1_500_000, tap.sentBytes, length)),
  }),
  saboteur("interop.channel", "loses the last of some hundred packets", /100 messages at the channel; seen: 99/, {
    hub: losesLastPacket(holds(100, 104)),
  }),
  saboteur("interop.requests", "loses what a channel responds", /response at the hub; .*no response to "half"/, {
    channel: loses(has("r")),
  }),
  saboteur("interop.payloads", "changes a character of a large text", /they part at 2: U\+79 for U\+78/, {
    hub: rewrites(/"xxx/g, '"xyx'),
  }),
  saboteur("interop.channel-cuts", "loses a packet after a link was cut", /messages (once .*)?at the hub/, {
    ...after(({ why, world }) => why?.code === "network" && !world.severed, 4),
  }),
  saboteur("interop.refused", "keeps a refusal to itself", /expected an? .*; seen/, { hub: hushes("unauthorized") }),
  saboteur("interop.garbage-hello", "keeps to itself that a hello was garbage", /protocol-error; seen: closed/, {
    hub: closesAs((why, tap) =>
      why.code === "protocol-error" && tap.heard === 0 && tap.busyAt === tap.now ? { ...why, code: "closed" } : why,
    ),
  }),
  saboteur("interop.goodbye", "loses a channel's bye", /the peer to close; seen: a peer that is still there/, {
    channel: hushes("closed"),
  }),
  saboteur("interop.hub-closing", "leaves a timer when the hub shuts down", /no timer at the hub; seen: a timer of/, {
    hub: whenClosed((tap, why) => why.code === "hub-closing" && tap.runtime.after(3_600_000, () => {})),
  }),
  saboteur("interop.hub-closing", "keeps to itself that the hub shuts down", /hub-closing; seen: network/, {
    hub: hushes("hub-closing"),
  }),
]
