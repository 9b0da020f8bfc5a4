// The program that every client of the matrix runs, on every platform. So it uses no API of Node.

const LARGE = 150_000
const TEXT = "text Größe 文字 🙂 "

/**
 * Talks to the hub of serve.mjs over one transport alone, then leaves in the given order.
 *
 * @param createChannel The package's own.
 * @param task `url` of the hub, `transport` to use, and who closes first: `order` is "channel", "hub" or "server".
 * @returns `"ok"`, or `"absent"` when this platform has not what the transport needs.
 * @throws Error that names the step which failed.
 */
export async function talk(createChannel, { url, transport, order }) {
  const errors = []
  const channel = createChannel(url, { transports: [transport] })
  channel.onError((error) => errors.push(error))
  const heard = []
  let told = () => {}
  channel.on("down", (data) => {
    heard.push(data)
    told()
  })
  const next = () =>
    new Promise((resolve) => {
      told = () => {
        if (heard.length > 0) resolve(heard.shift())
      }
      told()
    })
  const step = async (name, run, withinMs = 10_000) => {
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${withinMs} ms`)), withinMs)
    })
    try {
      return await Promise.race([run(), late])
    } catch (error) {
      const { why } = channel.explain()
      await channel.close()
      throw new Error(`${name}: ${error?.message ?? error} (${why})`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
  const echo = async (data) => {
    channel.send("up", data)
    expectSame(await next(), data)
  }

  try {
    await step("open", () => channel.opened)
  } catch (error) {
    if (error.cause?.code === "unsupported") return "absent"
    throw error
  }
  if (channel.transport !== transport) throw new Error(`${channel.transport} carries in the place of ${transport}`)
  await step("message", () => echo({ text: TEXT, list: [1, null, true] }))
  await step("150 kB of text", () => echo(TEXT.repeat(LARGE / TEXT.length)))
  await step("150 kB of bytes", () => echo(Uint8Array.from({ length: LARGE }, (_, at) => (at * 7) % 256)))
  await step("request", async () => expectSame(await channel.request("sum", [1, 2, 39]), 42))
  if (order !== "channel") {
    const left = new Promise((resolve) => channel.onStatus((status) => status !== "open" && resolve()))
    // A message, not a request: the hub may have closed before the answer to a request arrives.
    channel.send("leave", order)
    await step("hear that the hub left", () => left, 5_000)
  }
  // Where the hub has left, a second for what it was not seen to hear and three for the goodbye, as `close` promises.
  await step("close", () => channel.close(), order === "channel" ? 2_000 : 4_500)
  if (errors.length > 0) throw new Error(`onError heard: ${errors.map(String).join(", ")}`)
  return "ok"
}

function expectSame(got, wanted) {
  const [one, other] = [got, wanted].map((data) =>
    ArrayBuffer.isView(data) ? `${data.constructor.name} ${Array.from(data).join()}` : JSON.stringify(data),
  )
  if (one !== other) throw new Error(`${String(one).slice(0, 80)} came where ${String(other).slice(0, 80)} was sent`)
}
