import { payload } from "./payload.mjs"

const MESSAGES = 200

/** Checks a peer before it is measured: on both kinds of clients, each message arrives once and in order, both ways. */
export async function checkCorrectness(bench) {
  await check("client", async (heard) => {
    const client = await bench.connect(heard)
    return { send: (seq) => client.send("echo", payload(seq)), close: () => client.close() }
  })
  await check("wire", async (heard) => {
    const wire = await bench.openReader(heard)
    let ready = Promise.resolve()
    // One upload at a time, as wires over HTTP require.
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
  // A message that is delivered twice would arrive within this time.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let n = 0; n < heard.length; n++) {
    if (heard[n] !== payload(n).seq || n === MESSAGES) throw new Error(`the ${kind} heard ${heard[n]} as message ${n}`)
  }
  await client.close()
}
