// Lets messages flow over each transport while faults occur, and counts what was lost, doubled or out of order. Runs in Node;
// the hub is in the process of the runtime that is tried. Prints one line of JSON.

import { createChannel, type TransportName } from "everwire"
import { FaultProxy } from "../../test/support/fault-proxy.ts"

const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"]
const FLOW_MS = 5
const LASTS_MS = 5_000
const SETTLES_MS = 20_000
/** The first fault and the time to the next one, in milliseconds. */
const STRIKES_MS = [800, 1_900] as const
const REFUSED_MS = 300
const SILENT_MS = 1_500
const DELAY_MS = 40
const LOST_SHARE = 0.05

const FAULTS: Readonly<Record<string, (proxy: FaultProxy) => void>> = {
  "reset and refused": resetAndRefuse,
  silence(proxy) {
    proxy.freeze()
    setTimeout(() => proxy.thaw(), SILENT_MS)
  },
  "reset with 40 ms delay": resetAndRefuse,
  "answers lost": (proxy) => proxy.loseAnswers(),
}

function resetAndRefuse(proxy: FaultProxy): void {
  proxy.reset()
  proxy.refuseFor(REFUSED_MS)
}

interface Count {
  sent: number
  heard: number
  lost: number
  doubled: number
  outOfOrder: number
}

const port = Number(process.argv[2])
const lines: object[] = []
for (const fault of Object.keys(FAULTS)) {
  lines.push(...(await Promise.all(TRANSPORTS.map((transport, at) => run(transport, fault, at)))))
}
console.log(`faults: ${JSON.stringify(lines)}`)
process.exit()

async function run(transport: TransportName, fault: string, at: number): Promise<object> {
  const proxy = await FaultProxy.start(port)
  if (fault.includes("delay")) proxy.delayMs = DELAY_MS
  // Every twentieth answer, at another place in each run.
  let posts = at
  const every = Math.round(1 / LOST_SHARE)
  if (fault === "answers lost") {
    proxy.judge = ({ method }) => (method === "POST" && ++posts % every === 0 ? "lose-answer" : "pass")
  }
  const channel = createChannel(proxy.url, { store: null, transports: [transport] })
  let resets = 0
  channel.onReset(() => {
    resets++
  })
  const heard: number[] = []
  channel.on("flow.down", (number) => heard.push(number as number)) // sent by handlers.mjs
  await channel.opened
  await channel.request("flow.begin")
  let sent = 0
  const sending = setInterval(() => channel.send("flow.up", sent++), FLOW_MS)
  let strikes = 0
  let striking = setTimeout(strike, STRIKES_MS[0])
  function strike(): void {
    strikes++
    FAULTS[fault]?.(proxy)
    striking = setTimeout(strike, STRIKES_MS[1])
  }
  await new Promise((resolve) => setTimeout(resolve, LASTS_MS))
  clearTimeout(striking)
  clearInterval(sending)
  proxy.judge = () => "pass"
  proxy.thaw()
  const failed = { transport, fault, strikes, resets, sent, heard: heard.length }
  try {
    const end = await channel.request("flow.end", undefined, { timeoutMs: SETTLES_MS })
    const { heard: up, sent: sentDown, errors } = end as { heard: number[]; sent: number; errors: string[] } // of handlers.mjs
    return { transport, fault, strikes, resets, errors, up: count(up, sent), down: count(heard, sentDown) }
  } catch (error) {
    return { ...failed, errors: [String(error)] }
  } finally {
    await channel.close({ flushMs: 0 })
    await proxy.close()
  }
}

function count(heard: readonly number[], sent: number): Count {
  const once = new Set(heard)
  return {
    sent,
    heard: heard.length,
    lost: sent - once.size,
    doubled: heard.length - once.size,
    outOfOrder: heard.filter((number, at) => at > 0 && number < (heard[at - 1] ?? 0)).length,
  }
}
