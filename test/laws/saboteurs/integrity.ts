import { encodeBatch, utf8 } from "../../../src/kernel/codec.ts"
import { alters, loses, losesLastPacket, packets, rewrites } from "./faults.ts"
import type { Sabotage, Spoil } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** What a batch of `memoryNetwork` may hold. */
const MAX_BYTES = 300_000

/** Cuts in the middle of a character. */
function cutsAt(byte: number): Spoil {
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
  return alters((batch) => {
    if (typeof batch !== "string" || batch.length < 20_000 || batch.length > 30_000) return batch
    const bytes = utf8(batch)
    return decode(bytes.subarray(0, byte)) + decode(bytes.subarray(byte))
  })
}

/** Repeats a batch when nothing more came for 100 ms. */
function repeats(number: number): Spoil {
  return (tap) => ({
    send(batch) {
      tap.link.send(batch)
      if (tap.sent === number && tap.burst === 10) tap.later(() => tap.sent === number && tap.link.send(batch), 100)
    },
  })
}

/** Whether the third request in a row, or the third answer, that is lost stays lost. */
function doesNotRepair(lost: "request" | "answer"): Sabotage {
  let streak = 0
  const drops: Spoil = alters((batch, tap) => (tap.world.kept.delete("losing") ? undefined : batch))
  return {
    rig: (world) => {
      streak = 0
      return {
        lose(what) {
          streak = what === lost ? streak + 1 : 0
          if (streak === 3) world.kept.set("losing", "")
        },
      }
    },
    ...(lost === "request" ? { channel: drops } : { hub: drops }),
  }
}

export const integrity: readonly Saboteur[] = [
  ...bothWays(
    "integrity.one-byte",
    "swallows a batch of one byte",
    /packet 1 of 1 missing: "m"/,
    loses(({ length }) => length === 1),
  ),
  ...bothWays(
    "integrity.largest-text",
    "cuts the last character off the largest text",
    /299999 characters.* where packet 1 of 2 belongs/,
    alters((batch) => (typeof batch === "string" && batch.length === MAX_BYTES ? batch.slice(0, -1) : batch)),
  ),
  ...bothWays(
    "integrity.largest-bytes",
    "changes the last of very many bytes",
    /299996 bytes .* where packet 1 of 2 belongs/,
    alters((batch) => (typeof batch !== "string" && batch.length === MAX_BYTES ? batch.with(-1, 0) : batch)),
  ),
  ...bothWays(
    "integrity.multibyte",
    "takes text apart at byte 32768",
    /where packet [1-4] of 4 belongs/,
    cutsAt(32_768),
  ),
  saboteur("integrity.line-separators", "takes U+0085 for a line end", /where packet 3 of 6 belongs/, {
    channel: rewrites("\u0085", "\n"),
  }),
  saboteur("integrity.byte-order-marks", "strips byte order marks", /where packet 1 of 4 belongs/, {
    hub: rewrites("\uFEFF", ""),
  }),
  saboteur(
    "integrity.escapes",
    "undoes what JSON escaped",
    /where packet 4 of 8 belongs.*they part at 15: U\+C for U\+5C/,
    { channel: rewrites("\\f", "\f") },
  ),
  saboteur("integrity.spaces", "trims spaces", /"m" .* where packet 1 of 6 belongs/, { hub: rewrites(/ +$/g, "") }),
  saboteur("integrity.lookalikes", "undoes what looks like HTML's escapes", /m<&.* where packet \d+ of 40 belongs/, {
    channel: rewrites("&lt;&amp;", "<&"),
  }),
  saboteur("integrity.planes", "normalizes characters", /where packet 2 of 4 belongs/, {
    hub: alters((batch) => (typeof batch === "string" ? batch.normalize() : batch)),
  }),
  ...bothWays(
    "integrity.every-byte",
    "ends a frame at eight bytes of 255",
    /cannot be read.* where packet 3 of 3 belongs/,
    alters((batch) => {
      if (typeof batch === "string") return batch
      const end = batch.findIndex((_, at) => batch.subarray(at, at + 8).every((byte) => byte === 255))
      return batch.subarray(0, end < 0 || batch.length - end < 8 ? undefined : end)
    }),
  ),
  saboteur("integrity.no-payload", "takes six bytes for a header alone", /where packet 2 of 3 belongs: 2 bytes/, {
    channel: loses((batch) => typeof batch !== "string" && batch.length <= 6),
  }),
  saboteur("integrity.packet-kinds", "makes bytes of the text beside bytes", /bytes .* where packet 1 of 4 belongs/, {
    hub: alters((batch) => {
      if (typeof batch === "string" || packets(batch).length < 4) return batch
      return encodeBatch(packets(batch).map((packet) => (typeof packet === "string" ? utf8(packet) : packet)))
    }),
  }),
  saboteur("integrity.views", "sends the buffer behind a view", /cannot be read.* where packet 1 of 1 belongs/, {
    channel: alters((batch) => (typeof batch === "string" ? batch : new Uint8Array(batch.buffer))),
  }),
  ...bothWays(
    "integrity.bundles",
    "carries 140 packets at once and no more",
    /where packet 150 of 200 belongs/,
    losesLastPacket((batch) => packets(batch).length > 140),
  ),
  ...bothWays("integrity.once", "repeats the 30th batch when nothing follows it", /packet 30 once more/, repeats(30)),
  saboteur(
    "integrity.lost-request",
    "repeats no request when three in a row were lost",
    /where packet 7 of 9 belongs/,
    doesNotRepair("request"),
  ),
  saboteur(
    "integrity.lost-answer",
    "repeats no answer when three in a row were lost",
    /where packet 7 of 9 belongs/,
    doesNotRepair("answer"),
  ),
]
