import { WEBSOCKETS } from "./cases.mjs"

const JSON_BYTES = 65_536

/** Sends one large message after another and waits for its echo. It uses the peer's own client, as applications do. */
export const large = {
  name: "large",
  title: "Large messages, echoed",
  figures: ["megabytes"],
  variants: [
    // SockJS has no binary messages, and Primus none with its JSON parser.
    { name: "1 MiB binary", reference: "ws", make: makeBytes, cases: WEBSOCKETS.slice(0, 3) },
    { name: "64 KiB JSON", reference: "ws", make: makeJson, cases: WEBSOCKETS },
  ],

  async prepare(bench, { make }) {
    bench.client = await bench.connect((data) => bench.echoed(data))
    Object.assign(bench, make())
  },

  async round(bench) {
    let echoes = 0
    const { ms } = await bench.spent(() =>
      bench.forRound(async () => {
        await new Promise((resolve) => {
          bench.echoed = resolve
          bench.client.send("echo", bench.message)
        })
        echoes++
      }),
    )
    return { megabytes: (echoes * bench.bytes) / 1e6 / (ms / 1_000) }
  },
}

function makeBytes() {
  const bytes = 1 << 20
  return { bytes, message: Uint8Array.from({ length: bytes }, (_, n) => n) }
}

function makeJson() {
  const message = []
  for (let n = 0; JSON.stringify(message).length < JSON_BYTES; n++) {
    message.push(...Array.from({ length: 16 }, () => ({ id: n, name: `item ${n}`, price: n / 4, tags: ["new", "ü"] })))
  }
  return { bytes: Buffer.byteLength(JSON.stringify(message)), message }
}
