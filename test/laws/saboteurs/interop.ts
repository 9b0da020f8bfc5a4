import type { Code } from "../../../src/kernel/errors.ts"
import { kindOf } from "../../../src/kernel/packet.ts"
import type { Batch } from "../../../src/transports/transport.ts"
import { recodes } from "./closing.ts"
import { alters, holds, loses, losesLastPacket, packets } from "./faults.ts"
import type { Sabotage, Spoil, Tap } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

/** A link that follows another in such a way loses the last of the first bundle of packets that goes up on it. */
function losesBundleAfter(least: number, how: (previous: Tap) => boolean): Sabotage {
  return {
    channel(tap) {
      let isIntact = tap.previous === undefined || !how(tap.previous)
      return losesLastPacket((batch) => {
        if (isIntact || packets(batch).length < least) return false
        isIntact = true
        return true
      })(tap)
    },
  }
}

/** Keeps one code to itself: the packet that names it, and the code of the close that follows. */
function hushes(code: Code): Spoil {
  return (tap) => {
    let hushed = false
    return {
      send(batch) {
        if (typeof batch === "string" && batch.includes(`"${code}"`)) hushed = true
        else tap.link.send(batch)
      },
      close: (why) => tap.link.close(hushed ? { ...why, code: "network", retryable: true } : why),
    }
  }
}

const has = (kind: string) => (batch: Batch) => packets(batch).some((packet) => kindOf(packet) === kind)

export const interop: readonly Saboteur[] = [
  saboteur(
    "interop.session",
    "loses the last of some sixty packets",
    /everything that was said to be heard|everything once/,
    { channel: losesLastPacket(holds(60, 64)) },
  ),
  saboteur(
    "interop.session-redials",
    "loses something on a link that follows one the channel closed",
    /at the hub/,
    losesBundleAfter(20, (previous) => previous.over === "closed"),
  ),
  saboteur(
    "interop.session-hub-closes",
    "loses something on a link that follows one the hub closed",
    /at the hub/,
    losesBundleAfter(20, (previous) => previous.why?.code === "closed"),
  ),
  saboteur(
    "interop.session-overlap",
    "loses something on a link that is dialed beside another",
    /at the hub/,
    losesBundleAfter(20, (previous) => previous.over === undefined),
  ),
  saboteur(
    "interop.session-severed",
    "loses something on a link that follows one that broke",
    /at the hub/,
    losesBundleAfter(20, ({ world }) => world.severed),
  ),
  saboteur("interop.session-lossy", "repeats nothing when much was lost", /at the hub/, {
    rig(world) {
      let lost = 0
      return { lose: () => void (++lost === 5 && world.kept.set("losing", "")) }
    },
    channel: alters((batch, tap) => (tap.world.kept.delete("losing") ? undefined : batch)),
  }),
  saboteur("interop.session-bulk", "loses a batch when megabytes go both ways", /at the hub/, {
    channel(tap) {
      let isIntact = true
      return loses(() => {
        const isBusy = tap.sentBytes > 1_500_000 && tap.heardBytes > 1_000_000
        const isLost = isIntact && isBusy
        if (isLost) isIntact = false
        return isLost
      })(tap)
    },
  }),
  saboteur("interop.channel", "loses the last of some hundred packets", /100 messages at the channel; seen: 99/, {
    hub: losesLastPacket(holds(100, 104)),
  }),
  saboteur(
    "interop.requests",
    "loses what a channel responds",
    /a response at the hub; seen: EverwireError: no response to "half"/,
    {
      channel: loses(has("r")),
    },
  ),
  saboteur("interop.payloads", "changes a character in the middle of a large text", /they part at 2: U\+79 for U\+78/, {
    hub: alters((batch) =>
      typeof batch === "string" && batch.length > 120_000 && batch.length < 200_000
        ? batch.replace("xxx", "xyx")
        : batch,
    ),
  }),
  saboteur(
    "interop.channel-cuts",
    "loses something on a link that follows one that was cut",
    /messages at the hub|messages once/,
    losesBundleAfter(4, ({ why, world }) => why?.code === "network" && !world.severed),
  ),
  saboteur("interop.refused", "keeps to itself that credentials were refused", /unauthorized; seen|an answer; seen/, {
    hub: hushes("unauthorized"),
  }),
  saboteur("interop.garbage-hello", "does not tell that a hello was garbage", /protocol-error; seen: closed/, {
    hub: recodes("protocol-error", "closed", (tap) => tap.heard === 0 && tap.busyAt === tap.now),
  }),
  saboteur(
    "interop.goodbye",
    "loses a channel's bye",
    /the peer to close; seen: a peer that is still there|closed-by-peer/,
    { channel: loses(has("b")) },
  ),
  saboteur(
    "interop.hub-closing",
    "keeps to itself that the hub shuts down",
    /hub-closing; seen|the channel to be told/,
    { hub: hushes("hub-closing") },
  ),
]
