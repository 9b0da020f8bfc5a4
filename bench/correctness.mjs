import { payload } from "./payload.mjs"

const MESSAGES = 200

/** Before a peer is measured: every message goes up and comes down once and in order, on both kinds of clients. */
export async function checkCorrectness(bench) {
  await check("client", async (heard) => {
    const client = await bench.connect(heard)
    return { send: (seq) => client.send("echo", payload(seq)), close: () => client.close() }
  })
  await check("wire", async (heard) => {
    const wire = await bench.openReader(heard)
    let ready = Promise.resolve()
    // An upload at a time, as a wire over HTTP wants it.
    const send = (seq) => {
      ready = ready.then(() => wire.say("echo", [payload(seq)]))
    }
    return { send, close: () => wire.close() }
  })
}

async function check(kind, connect) {
  const heard = []
  let done = () => {}
  const client = await connect(({ seq }) => {
    if (heard.push(seq) === MESSAGES) done()
  })
  const all = new Promise((resolve, reject) => {
    done = resolve
    setTimeout(() => reject(new Error(`the ${kind} heard ${heard.length} of ${MESSAGES} messages`)), 10_000).unref()
  })
  for (let n = 0; n < MESSAGES; n++) client.send(n)
  await all
  // Whatever came twice would come soon.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let n = 0; n < heard.length; n++) {
    if (heard[n] !== payload(n).seq || n === MESSAGES) throw new Error(`the ${kind} heard ${heard[n]} as message ${n}`)
  }
  await client.close()
}
