import { start } from "./processes.mjs"

/**
 * Measures the cases of one variant in interleaved rounds: A B C A B C. Each case is a load process and a server process
 * of its own, both kept from round to round. One that fails its correctness check, or breaks, is not measured.
 */
export async function measure(workload, variant, cases, { rounds, roundMs }) {
  const running = []
  for (const [peer, transport] of cases) {
    const load = start("load.mjs", [workload.name, variant.name, peer, transport, String(roundMs)])
    const one = { peer, transport, load, samples: [], failed: undefined }
    running.push(one)
    await attempt(one, () => load.call("prepare"))
  }
  const round = (one) => attempt(one, async () => one.samples.push(await one.load.call("round")))
  if (workload.once) await Promise.all(running.map(round))
  else {
    for (let n = 0; n <= rounds; n++) for (const one of running) await round(one)
    // The first round compiled.
    for (const { samples } of running) samples.shift()
  }
  for (const one of running) await attempt(one, () => one.load.call("finish"))
  await Promise.all(running.map(({ load }) => load.stop()))
  return running.map(({ peer, transport, samples, failed }) => ({
    peer,
    transport,
    ...(failed ? { failed } : { samples }),
  }))
}

async function attempt(one, run) {
  if (one.failed !== undefined) return
  try {
    await run()
  } catch (error) {
    one.failed = error.message.split("\n")[0]
  }
}
