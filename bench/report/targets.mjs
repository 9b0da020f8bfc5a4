import { ratioOf, samplesOf, summarise, variantOf } from "./results.mjs"

const on = (transport) => (peer) => [peer, transport]
const websocket = on("websocket")
const sse = on("sse")
const longPoll = on("long-poll")
const WS = websocket("ws")
/** By transport: the cheapest peer that does the same work without sessions. */
const FLOORS = { websocket: "floor", sse: "http", "long-poll": "http" }

/**
 * The targets of everwire: a figure of a workload's variant, whose ratio `to` another case is `atMost` or `atLeast`
 * this.
 */
const targets = [
  ["echo, websocket: p50", "echo", "websocket", "p50", websocket, { to: WS, atMost: 1.1 }],
  ["echo, websocket: server CPU", "echo", "websocket", "cpu", websocket, { to: WS, atMost: 1.2 }],
  ["echo, sse: p50, to bare http", "echo", "sse", "p50", sse, { to: sse("http"), atMost: 1.25 }],
  ["echo, long-poll: p50, to bare http", "echo", "long-poll", "p50", longPoll, { to: longPoll("http"), atMost: 1.25 }],
  ["upstream, 1 per tick: server CPU", "upstream", "1 per tick", "cpu", websocket, { to: WS, atMost: 1.3 }],
  ["upstream, 16 per tick: server CPU", "upstream", "16 per tick", "cpu", websocket, { to: WS, atMost: 0.6 }],
  [
    "upstream, 64 per POST: server CPU, to bare http",
    "upstream",
    "64 per POST",
    "cpu",
    longPoll,
    { to: longPoll("http"), atMost: 1.3 },
  ],
  ["downstream, 1 per tick: server CPU", "downstream", "1 per tick", "cpu", websocket, { to: WS, atMost: 1.1 }],
  ["downstream, 16 per tick: server CPU", "downstream", "16 per tick", "cpu", websocket, { to: WS, atMost: 0.2 }],
  ["downstream, 16 per tick over sse: server CPU", "downstream", "16 per tick", "cpu", sse, { to: WS, atMost: 0.33 }],
  [
    "downstream, 16 per tick over long-poll: server CPU",
    "downstream",
    "16 per tick",
    "cpu",
    longPoll,
    { to: WS, atMost: 0.27 },
  ],
  [
    "broadcast to 1,000 back to back: server CPU",
    "broadcast",
    "back to back",
    "cpu",
    websocket,
    { to: WS, atMost: 0.8 },
  ],
  ["20 broadcasts in a tick: server CPU", "broadcast", "bursts of 20", "cpu", websocket, { to: WS, atMost: 0.1 }],
  [
    "20 broadcasts in a tick: time to the last",
    "broadcast",
    "bursts of 20",
    "last",
    websocket,
    { to: WS, atMost: 0.18 },
  ],
  ["broadcast over long-poll: server CPU", "broadcast", "long-poll", "cpu", longPoll, { to: WS, atMost: 2.7 }],
  ["connect to first message: server CPU", "connect", "websocket", "cpu", websocket, { to: WS, atMost: 1.4 }],
  ["idle connection: heap", "idle", "websocket", "heap", websocket, { to: WS, atMost: 1.8 }],
  ["idle connection: RSS", "idle", "websocket", "rss", websocket, { to: WS, atMost: 1.35 }],
  [
    "5,000 idle connections: server CPU, to Primus",
    "idle",
    "websocket",
    "idleCpu",
    websocket,
    { to: websocket("primus"), atMost: 0.5 },
  ],
  ["bytes above payload and name: up, with 4 of the mask", "bytes", "websocket", "up", websocket, { atMost: 12 }],
  ["bytes above payload and name: down", "bytes", "websocket", "down", websocket, { atMost: 8 }],
  ["300 kB over 2 Mbit/s, websocket: time", "slow", "2 Mbit/s", "last", websocket, { to: WS, atMost: 1.15 }],
  ["300 kB over 2 Mbit/s, sse: time", "slow", "2 Mbit/s", "last", sse, { to: WS, atMost: 1.15 }],
  ["300 kB over 2 Mbit/s, long-poll: time", "slow", "2 Mbit/s", "last", longPoll, { to: WS, atMost: 1.4 }],
  ["1 MiB binary, echoed: MB/s", "large", "1 MiB binary", "megabytes", websocket, { to: WS, atLeast: 0.9 }],
  ["64 KiB JSON, echoed: MB/s", "large", "64 KiB JSON", "megabytes", websocket, { to: WS, atLeast: 0.85 }],
]

/**
 * Each target with the results of everwire, of the best other peer, of the floor and of the session by hand. Targets
 * whose cases were not run are left out.
 */
export function judge(results) {
  return targets.flatMap(([title, workload, variantName, figure, at, { to, atMost, atLeast }]) => {
    const variant = variantOf(results, workload, variantName)
    const reached = (peer) => {
      if (to !== undefined) return ratioOf(variant, at(peer), to, figure)
      const samples = samplesOf(variant, at(peer), figure)
      return samples && summarise(samples)
    }
    const everwire = reached("everwire")
    if (everwire === undefined) return []
    const others = ["socket.io", "primus", "sockjs"].flatMap((peer) => {
      const other = reached(peer)
      return other === undefined ? [] : [{ peer, ...other }]
    })
    const floor = reached(FLOORS[at("everwire")[1]])
    const byHand = reached("by-hand")
    others.sort((a, b) => (atLeast === undefined ? a.median - b.median : b.median - a.median))
    const met = atLeast === undefined ? everwire.median <= atMost : everwire.median >= atLeast
    const target = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`
    return [{ title, target, everwire, best: others[0], floor, byHand, met }]
  })
}
