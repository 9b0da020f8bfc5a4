import { encodeBatch, type Packet, utf8 } from "../../wire/batch.ts"
import type { Bench } from "./bench.ts"
import type { LawDefinition } from "./law.ts"
import { bytes, noise, note, notes } from "./packets.ts"
import { alongBoth, bothWays } from "./ways.ts"

/** A law that these packets arrive unchanged in both directions, each sent as a separate batch. */
function crosses(id: string, title: string, said: () => readonly Packet[], binary = false): LawDefinition {
  return {
    id: `integrity.${id}`,
    title,
    needs: binary ? ["binary"] : [],
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        from.sendEach(said())
        await bench.arrives(to, said())
      }),
  }
}

/** A packet with JSON data, as the kernel makes it: `JSON.stringify` decides which characters are escaped. */
function json(value: unknown): string {
  return `mtrap\t${JSON.stringify(value)}`
}

/** Laws on integrity: every batch arrives unchanged and once. */
export const integrity: readonly LawDefinition[] = [
  ...bothWays("integrity.one-byte", "a batch of one byte arrives", async (bench, from, to) => {
    from.send("m")
    await bench.arrives(to, ["m"])
  }),

  ...bothWays("integrity.largest-text", "the largest batch of text arrives whole", async (bench, from, to) => {
    const said = [note("large", bench.traits.maxBatchBytes), note("after")]
    from.sendEach(said)
    await bench.arrives(to, said)
  }),

  ...bothWays(
    "integrity.largest-bytes",
    "the largest batch of bytes arrives whole",
    async (bench, from, to) => {
      // In a binary batch each packet has a header of 4 bytes; the packet itself begins with the 3 bytes `mx\n`.
      const said = [bytes("x", noise(bench.traits.maxBatchBytes - 4 - 3)), bytes("after")]
      from.sendEach(said)
      await bench.arrives(to, said)
    },
    ["binary"],
  ),

  ...bothWays(
    "integrity.multibyte",
    "characters that take two, three and four bytes arrive whole",
    async (bench, from, to) => {
      // The texts are shifted by 0 to 3 bytes, so that a transport that splits the data at any position splits a
      // character.
      const count = Math.min(5_001, Math.floor(bench.traits.maxBatchBytes / 12))
      const said = ["", "a", "ab", "abc"].map((shift) => `m${shift}\t${"é€😀".repeat(count)}`)
      from.sendEach(said)
      await bench.arrives(to, said)
    },
  ),

  crosses("line-separators", "line separators that are no line ends of a wire cross unchanged", () =>
    ["\u2028", "\u2029", "\u0085", "a\u2028\u2028b\u2029c\u0085", "\\n", "\\r\\n"].map(json),
  ),
  crosses("byte-order-marks", "byte order marks are text like any other", () =>
    ["\uFEFF", "a\uFEFFb", "\uFEFF\uFEFF", "\uFFFE"].map(json),
  ),
  crosses("escapes", "what JSON escapes stays as it was escaped: NUL, control characters, lone surrogates", () =>
    ["\0", "\n", "\r", "\t\v\f\b\u001B\u007F", "\uD800", "\uDFFF\uD83D", '"\\/\\"', "\\u0000"].map(json),
  ),
  crosses("spaces", "spaces and tabs cross unchanged, at the beginning and at the end", () => [
    "m ",
    "m  two",
    "m\t",
    "m\ttab ",
    "m \u00A0\u3000\u200B ",
    `m${" ".repeat(99)}`,
  ]),
  crosses("lookalikes", "text that looks like somebody's framing is text", () =>
    [
      "data: x",
      ": comment",
      "event: close",
      "id: 7",
      "retry: 1",
      "@{}",
      "=AAAA",
      "null",
      "undefined",
      "[object Object]",
    ]
      .concat(
        "HTTP/1.1 200 OK",
        "0",
        "5;ext",
        "\u0081\u0005Hello",
        "%00%0A",
        "&lt;&amp;",
        "<html>",
        "\\n\\n",
        "]]>",
        "}{",
      )
      .flatMap((text) => [`m${text}`, `m\t${text}`]),
  ),
  crosses("planes", "characters of every plane cross unchanged, combined and not", () =>
    ["\u{10FFFF}\u{1F469}\u200D\u{1F680}", "e\u0301\u00E9\uFB01\uFF21", "\uE000\uFFFF\u{F0000}", "\u202Eabc\u202C"].map(
      json,
    ),
  ),

  ...bothWays(
    "integrity.every-byte",
    "every value of a byte crosses unchanged, wherever it stands",
    async (bench, from, to) => {
      const all = Uint8Array.from({ length: 256 }, (_, value) => value)
      const said = [bytes("all", all), bytes("back", all.toReversed()), bytes("same", new Uint8Array(256).fill(0xff))]
      from.sendEach(said)
      await bench.arrives(to, said)
    },
    ["binary"],
  ),
  crosses(
    "no-payload",
    "a packet of bytes without a payload arrives as one",
    () => [bytes("none"), bytes(""), note(1)],
    true,
  ),

  {
    id: "integrity.packet-kinds",
    title: "in a batch of bytes, text stays text and bytes stay bytes",
    needs: ["binary"],
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        const said = [note("text"), bytes("bytes", utf8("text")), note("é€😀"), bytes("more")]
        from.send(...said)
        await bench.arrives(to, said)
      }),
  },
  {
    id: "integrity.views",
    title: "of a view on a larger buffer, only the view crosses",
    needs: ["binary"],
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        const said = bytes("view", noise(100))
        const batch = encodeBatch([said]) as Uint8Array // a batch with a binary packet is binary
        const larger = new Uint8Array(batch.length + 20).fill(0xee)
        larger.set(batch, 7)
        from.call("send", () => from.link.send(larger.subarray(7, 7 + batch.length)))
        await bench.arrives(to, [said])
      }),
  },

  ...bothWays("integrity.bundles", "a batch of many packets arrives as these packets", async (bench, from, to) => {
    const said = notes(200)
    from.send(...said.slice(0, 150))
    from.send(...said.slice(150))
    await bench.arrives(to, said)
  }),

  ...bothWays("integrity.once", "no batch arrives twice, however long one waits", async (bench, from, to) => {
    const said = notes(30)
    for (let at = 0; at < said.length; at += 10) {
      from.sendEach(said.slice(at, at + 10))
      await bench.settle()
    }
    await bench.arrives(to, said)
    await pause(bench)
    await bench.arrives(to, said)
  }),

  ...(["request", "answer"] as const).map(
    (what): LawDefinition => ({
      id: `integrity.lost-${what}`,
      title: `${what === "request" ? "a request" : "an answer"} that is lost on the way is made good, and nothing comes twice`,
      needs: ["repairsLoss"],
      async prove(bench) {
        const { channel, hub } = await bench.connect()
        const up = notes(9, "up")
        const down = notes(9, "down")
        for (let at = 0; at < up.length; at += 3) {
          bench.rig.lose?.(what)
          channel.sendEach(up.slice(at, at + 3))
          hub.sendEach(down.slice(at, at + 3))
          await bench.arrives(hub, up.slice(0, at + 3))
          await bench.arrives(channel, down.slice(0, at + 3))
        }
        bench.expect(!channel.over && !hub.over, "the link to live on", "it closed")
      },
    }),
  ),
]

/** Waits long enough for a transport that repeats requests to repeat them. */
async function pause(bench: Bench): Promise<void> {
  for (let i = 0; i < 3; i++) await bench.settle()
}
