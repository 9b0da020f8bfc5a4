import { encodeBatch, utf8 } from "../../../src/wire/batch.ts"
import { closing } from "../../../src/wire/errors.ts"
import { alters, loses, losesLastPacket, packets, rewrites, whenSent } from "./faults.ts"
import { MAX_BATCH_BYTES, type Spoil, type World } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** Changes bytes. */
function altersBytes(change: (bytes: Uint8Array) => Uint8Array): Spoil {
  return alters((batch) => (typeof batch === "string" ? batch : change(batch)))
}

/** Decodes the two halves of a text separately. */
function cuts(text: string, byte: number): string {
  const bytes = utf8(text)
  const decode = (part: Uint8Array): string => new TextDecoder().decode(part)
  return decode(bytes.subarray(0, byte)) + decode(bytes.subarray(byte))
}

/** Treats eight bytes of 255 as the end of the data. */
function endsAtEight(bytes: Uint8Array): Uint8Array {
  const end = bytes.findIndex(
    (_, at) => bytes.length - at >= 8 && bytes.subarray(at, at + 8).every((byte) => byte === 255),
  )
  return end < 0 ? bytes : bytes.subarray(0, end)
}

/** Text in a batch of several packets becomes bytes. */
function makesBytes(batch: Uint8Array): Uint8Array {
  if (packets(batch).length < 4) return batch
  return encodeBatch(packets(batch).map((packet) => (typeof packet === "string" ? utf8(packet) : packet))) as Uint8Array
}

/** The third loss of one kind in a row is not repaired: the next batch is lost for good. */
function gaveUp(kind: "request" | "answer"): (world: World) => { lose(what: string): void } {
  return (world) => {
    let streak = 0
    return {
      lose(what) {
        streak = what === kind ? streak + 1 : 0
        if (streak === 3) world.kept.set("lost", "")
      },
    }
  }
}

/** Loses the next batch after the rig has no losses left. */
export const losesLost: Spoil = loses((_, { world }) => world.kept.delete("lost"))

export const integrity: readonly Saboteur[] = [
  ...bothWays("integrity.one-byte", "swallows a batch of one byte", /packet 1 of 1 missing: "m" \(1 characters\)/, {
    from: loses(({ length }) => length === 1),
  }),
  ...bothWays("integrity.largest-text", "cuts the largest text", /they part at 99999: the end for U\+/, {
    from: alters((batch) =>
      batch.length === MAX_BATCH_BYTES && typeof batch === "string" ? batch.slice(0, -1) : batch,
    ),
  }),
  ...bothWays("integrity.largest-bytes", "changes the last of very many bytes", /they part at 99995: 0 for \d+/, {
    from: altersBytes((bytes) => (bytes.length === MAX_BATCH_BYTES ? bytes.with(-1, 0) : bytes)),
  }),
  ...bothWays("integrity.multibyte", "cuts text at byte 32768 before it decodes", /they part at \d+: U\+FFFD for U\+/, {
    from: alters((batch) => (typeof batch === "string" && batch.length < 30_000 ? cuts(batch, 32_768) : batch)),
  }),
  saboteur("integrity.line-separators", "takes U+0085 for a line end", /they part at 7: the end for U\+85/, {
    channel: rewrites("\u0085", "\n"),
  }),
  saboteur("integrity.byte-order-marks", "strips byte order marks", /they part at 7: U\+22 for U\+FEFF/, {
    hub: rewrites("\uFEFF", ""),
  }),
  saboteur("integrity.escapes", "undoes what JSON escaped", /they part at 15: U\+C for U\+5C/, {
    channel: rewrites("\\f", "\f"),
  }),
  saboteur("integrity.spaces", "trims spaces", /"m" \(1 characters\) where packet 1 of 6 belongs: "m "/, {
    hub: rewrites(/ +$/g, ""),
  }),
  saboteur("integrity.lookalikes", "undoes what looks like HTML's escapes", /"m<&" .* belongs: "m&lt;&amp;"/, {
    channel: rewrites("&lt;&amp;", "<&"),
  }),
  saboteur("integrity.planes", "normalizes characters", /they part at 7: U\+E9 for U\+65/, {
    hub: alters((batch) => (typeof batch === "string" ? batch.normalize() : batch)),
  }),
  ...bothWays("integrity.every-byte", "ends a frame at bytes of 255", /cannot be read" .* packet 3 of 3 belongs/, {
    from: altersBytes(endsAtEight),
  }),
  saboteur("integrity.no-payload", "takes six bytes for a header alone", /where packet 2 of 3 belongs: 2 bytes/, {
    channel: loses((batch) => typeof batch !== "string" && batch.length <= 6),
  }),
  saboteur("integrity.packet-kinds", "makes bytes of text beside bytes", /bytes .* packet 1 of 4 belongs: "m/, {
    hub: altersBytes(makesBytes),
  }),
  saboteur("integrity.views", "sends the buffer behind a view", /cannot be read" .* packet 1 of 1 belongs/, {
    channel: altersBytes(({ buffer }) => new Uint8Array(buffer)),
  }),
  ...bothWays("integrity.bundles", "loses the end of a batch of many packets", /where packet 150 of 200 belongs/, {
    from: losesLastPacket((batch) => packets(batch).length > 140),
  }),
  ...bothWays("integrity.once", "repeats the 30th batch when nothing follows", /packet 30 once more/, {
    from: whenSent((tap, batch) => {
      if (tap.sent === 30 && tap.burst === 10) tap.later(() => tap.sent === 30 && tap.link.send(batch), 100)
    }),
  }),
  saboteur("integrity.lost-request", "does not repeat a third request", /hub's end; .*where packet 7 of 9 belongs/, {
    rig: gaveUp("request"),
    channel: losesLost,
  }),
  saboteur("integrity.lost-answer", "does not repeat a third answer", /channel's end; .*where packet 7 of 9 belongs/, {
    rig: gaveUp("answer"),
    hub: losesLost,
  }),
  saboteur(
    "integrity.lost-answer",
    "tells of an end when three answers were lost",
    /link to live on; seen: it closed/,
    {
      rig: gaveUp("answer"),
      channel: whenSent((tap) => {
        if (tap.world.kept.delete("lost")) tap.later(() => tap.tell.closed(closing("network", "lost")), 30)
      }),
    },
  ),
]
