/**
 * What is said in each case: sizes of messages in bytes of JSON, `down` from the server and `up` from the client, so
 * long after the client is there. `chat`: a small message goes down each second meanwhile, and the sender of the bulk
 * waits whenever it is told to.
 */
export const cases = {
  a: {
    title: "1 MB said when the client is there",
    plan: (rate) => ({ down: [isTiny(rate) ? 60_000 : 1_000_000] }),
  },
  b: {
    title: "600 kB said a second later",
    plan: (rate) => ({ afterMs: 1_000, down: [isTiny(rate) ? 60_000 : 600_000] }),
  },
  c: {
    title: "100 x 10 kB said at once a second later",
    plan: (rate) => ({ afterMs: 1_000, down: isTiny(rate) ? equal(60, 1_000) : equal(100, 10_000) }),
  },
  d: {
    title: "4 MB up in pieces of 256 kB",
    rates: [1e6, 2e6, 20e6],
    plan: () => ({ up: equal(16, 256_000) }),
  },
  e: {
    title: "500 kB each way at once, in 10 messages",
    plan: (rate) => {
      const messages = equal(10, isTiny(rate) ? 3_000 : 50_000)
      return { down: messages, up: messages }
    },
  },
  f: {
    title: "a chat line each second beside 1 MB in messages of 4 kB",
    plan: (rate) => ({ chat: true, down: isTiny(rate) ? equal(60, 1_000) : equal(250, 4_000) }),
  },
  g: {
    title: "all connections die silently under a bulk",
    rates: [150e3, 500e3],
    peers: ["websocket", "sse"],
    silent: true,
  },
}

/** Rates of the other cases, in bits per second. */
export const RATES = [20e3, 150e3, 500e3, 2e6, 20e6]
export const ROUND_TRIPS = [20, 200, 600]
export const QUEUES = [64_000, 2_000_000]

/**
 * Least time of a case, in milliseconds: a round trip to connect, half of one more for data that goes up, and the bulk.
 */
export function idealMs({ name, rate, roundTripMs }) {
  if (cases[name].silent) return SILENT_AFTER_MS
  const { afterMs = 0, down = [], up = [] } = cases[name].plan(rate)
  return afterMs + (Math.max(sum(down), sum(up)) * 8_000) / rate + (up.length > 0 ? 1.5 : 1) * roundTripMs
}

/** How long a bulk runs before the connections fall silent. */
export const SILENT_AFTER_MS = 8_000

/** Below this rate the cases are smaller, because even the smallest would take minutes. */
function isTiny(rate) {
  return rate < 100e3
}

function equal(count, bytes) {
  return Array.from({ length: count }, () => bytes)
}

export function sum(numbers) {
  return numbers.reduce((all, one) => all + one, 0)
}
