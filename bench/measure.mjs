import { start } from "./processes.mjs"

/**
 * Warm-up rounds that do not count, in which code is compiled. A workload whose rounds are short sets more (`warmUp`).
 */
const WARM_UP = 6

/**
 * Rounds after which new processes start: the memory layout of a process makes it faster or slower for all its life.
 */
const ROUNDS_OF_A_PROCESS = 5

/** Timeout of a step: preparing, a round, or the end of one. */
const LIMIT_MS = 120_000

/**
 * Measures the cases of one variant in interleaved rounds: A B C A B C. Each case has its own load process and server
 * process, which are kept for some rounds. A workload that a process can run only once (`once`) is measured in new
 * processes each time. A case that fails its correctness check or an error is left out. `file` is the load process, `limitMs` the
 * time-out of preparing.
 */
export async function measure(workload, variant, cases, { rounds, roundMs, file = "load.mjs", limitMs }) {
  const sets = workload.once ?? Math.max(1, Math.round(rounds / ROUNDS_OF_A_PROCESS))
  const settings = { rounds: Math.ceil(rounds / sets), roundMs, file, limitMs }
  const runs = []
  for (let n = 0; n < sets; n++) runs.push(await run(workload, variant, cases, settings))
  return cases.map(([peer, transport], index) => {
    const same = runs.map((run) => run[index])
    const failed = same.find(({ failed }) => failed !== undefined)?.failed
    return { peer, transport, ...(failed ? { failed } : { samples: same.flatMap(({ samples }) => samples) }) }
  })
}

/** Measures some rounds with one set of processes. */
async function run(workload, variant, cases, { rounds, roundMs, file, limitMs }) {
  const running = cases.map(([peer, transport]) => {
    const load = start(file, [workload.name, variant.name, peer, transport, String(roundMs)])
    return { peer, transport, load, samples: [], failed: undefined }
  })
  await Promise.all(running.map((one) => attempt(one, () => one.load.call("prepare"), limitMs)))
  const round = (one) => attempt(one, async () => one.samples.push(await one.load.call("round")))
  if (workload.once !== undefined) await Promise.all(running.map(round))
  else {
    const { warmUp = WARM_UP } = workload
    for (let n = 0; n < warmUp + rounds; n++) for (const one of running) await round(one)
    for (const { samples } of running) samples.splice(0, warmUp)
  }
  await Promise.all(running.map((one) => attempt(one, () => one.load.call("finish"))))
  await Promise.all(running.map(({ load }) => load.stop()))
  return running
}

/** Runs a step. If it fails or times out, its case is left out of the rest of the run. */
async function attempt(one, run, limitMs = LIMIT_MS) {
  if (one.failed !== undefined) return
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([run(), late])
  } catch (error) {
    one.failed = error.message.split("\n")[0]
  } finally {
    clearTimeout(timer)
  }
}
