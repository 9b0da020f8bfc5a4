import fc from "fast-check"

const STEPS = 50

/** The ladder of the model, best first. */
export const LADDER = ["websocket", "sse", "long-poll", "short-poll"] as const

const index = fc.nat({ max: 5 })
const name = fc.constantFrom(...LADDER)

const milliseconds = (...values: number[]): fc.Arbitrary<number> => fc.constantFrom(...values)

/** What the two ends say to each other. */
const talk = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("send-up" as const, "send-down" as const),
      many: fc.integer({ min: 1, max: 9 }),
      size: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(150_000) }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("ask-up" as const, "ask-down" as const) }) },
)

const time = fc.record({
  do: fc.constant("pass" as const),
  ms: fc.oneof(
    { weight: 4, arbitrary: milliseconds(0, 3, 11, 40, 150) },
    { weight: 3, arbitrary: milliseconds(400, 1_200, 3_000) },
    { weight: 1, arbitrary: milliseconds(12_000, 35_000) },
  ),
})

/** What becomes of one link. */
const wire = fc.oneof(
  fc.record({ do: fc.constantFrom("cut-wire" as const, "freeze-wire" as const, "thaw-wire" as const), index }),
  fc.record({
    do: fc.constant("half-open" as const),
    index,
    dead: fc.constantFrom("dialer" as const, "acceptor" as const),
  }),
  fc.record({
    do: fc.constant("silence" as const),
    index,
    direction: fc.constantFrom("up" as const, "down" as const),
  }),
)

/** What stands in the way of one transport. */
const obstacle = fc.record({
  do: fc.constantFrom(
    "block" as const,
    "black-hole" as const,
    "hold-back" as const,
    "mute" as const,
    "cut-idle" as const,
    "cut-all" as const,
    "unblock" as const,
    "unblock" as const,
  ),
  name,
})

/** What happens to everything at once. */
const outage = fc.oneof(
  fc.record({ do: fc.constantFrom("cut-everything" as const, "retry" as const, "heal" as const) }),
  fc.record({ do: fc.constant("stall" as const), ms: milliseconds(30, 700, 5_000, 20_000) }),
  fc.record({ do: fc.constant("nap" as const), ms: milliseconds(30, 700, 5_000, 40_000) }),
)

/** What happens to the hub, or to the session while both ends are away. */
const loss = fc.oneof(
  fc.record({
    do: fc.constantFrom("restart-hub" as const, "replace-hub" as const, "close-hub" as const, "crash-hub" as const),
  }),
  fc.record({ do: fc.constant("start-hub" as const) }),
  fc.record({ do: fc.constant("jump" as const), ms: milliseconds(500, 45_000, 130_000) }),
)

const calm = fc.oneof(
  { weight: 10, arbitrary: talk },
  { weight: 12, arbitrary: time },
  { weight: 4, arbitrary: wire },
  { weight: 2, arbitrary: obstacle },
  { weight: 2, arbitrary: outage },
)
const rough = fc.oneof(
  { weight: 8, arbitrary: talk },
  { weight: 8, arbitrary: time },
  { weight: 4, arbitrary: wire },
  { weight: 4, arbitrary: obstacle },
  { weight: 3, arbitrary: outage },
  { weight: 2, arbitrary: loss },
)

/** What fast-check draws, and what `seeds.ts` keeps. */
export const systemHistory = fc.record({
  seed: fc.nat(),
  latencyMs: milliseconds(0, 4, 4, 100),
  resend: fc.boolean(),
  /** Whether the hub speaks first. */
  greets: fc.boolean(),
  /** Whether links that only look alive are cut at the end, so that nothing has to be found out by waiting. */
  tidy: fc.boolean(),
  steps: fc.oneof(
    fc.array(calm, { maxLength: STEPS, size: "max" }),
    fc.array(rough, { maxLength: STEPS, size: "max" }),
  ),
})

export type SystemHistory = typeof systemHistory extends fc.Arbitrary<infer Value> ? Value : never
export type SystemStep = SystemHistory["steps"][number]
