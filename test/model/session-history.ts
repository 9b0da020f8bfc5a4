import fc from "fast-check"
import type { SendOptions } from "../../src/messaging/send-options.ts"

const STEPS = 50

const end = fc.constantFrom("dialing" as const, "accepting" as const)
const index = fc.nat({ max: 7 })

/** Everything that can happen to two sessions, beside what they say. */
const happenings = [
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(0, 1, 7, 20, 60, 300, 2_600, 11_000, 35_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("dial" as const), takes: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("take" as const, "let-go" as const), index }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("cut" as const, "freeze" as const, "thaw" as const), index }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("half-open" as const),
      index,
      dead: fc.constantFrom("dialer" as const, "acceptor" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("silence" as const),
      index,
      direction: fc.constantFrom("up" as const, "down" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("sleep" as const, "wake" as const, "probe" as const), end }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("jump" as const), ms: fc.constantFrom(500, 45_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("throttle" as const),
      bytesPerSecond: fc.constantFrom(20_000, 250_000, undefined),
    }),
  },
] as const

const said = {
  do: fc.constant("say" as const),
  end,
  many: fc.integer({ min: 1, max: 9 }),
  size: size(),
  binary: fc.boolean(),
}
const step = fc.oneof({ weight: 6, arbitrary: fc.record(said) }, ...happenings)

/** When a word may be dropped. Four keys, so that words often meet one with theirs. */
const manner = fc.constantFrom<SendOptions[]>(
  {},
  {},
  { volatile: true },
  { latest: "a" },
  { latest: "b" },
  { latest: "c", ttlMs: 2_000 },
  { latest: "d", volatile: true },
  { ttlMs: 0 },
  { ttlMs: 100 },
  { ttlMs: 30_000 },
)

const mannered = fc.oneof(
  { weight: 12, arbitrary: fc.record({ ...said, manners: fc.array(manner, { minLength: 1, maxLength: 6 }) }) },
  ...happenings,
)
/** A history in which words have all classes of delivery, mixed. */
export const mannersHistory = fc.record({
  seed: fc.nat(),
  swapped: fc.boolean(),
  steps: fc.array(mannered, { maxLength: STEPS, size: "max" }),
})

export const sessionHistory = fc.record({
  seed: fc.nat(),
  swapped: fc.boolean(),
  steps: fc.array(step, { maxLength: STEPS, size: "max" }),
})

export type MannersStep = typeof mannered extends fc.Arbitrary<infer Value> ? Value : never
export type MannersHistory = typeof mannersHistory extends fc.Arbitrary<infer Value> ? Value : never
export type SessionStep = typeof step extends fc.Arbitrary<infer Value> ? Value : never
/** The values that fast-check generates, and that `seeds.ts` keeps. */
export type SessionHistory = typeof sessionHistory extends fc.Arbitrary<infer Value> ? Value : never

function size(): fc.Arbitrary<number> {
  // Sizes: one small packet, a few parts, many parts, and more than one window.
  return fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(1, 40) },
    { weight: 4, arbitrary: fc.constantFrom(3_000, 20_000, 50_000) },
    { weight: 1, arbitrary: fc.constant(70_000) },
    { weight: 1, arbitrary: fc.constant(300_000) },
  )
}
