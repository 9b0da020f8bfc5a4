import type { Move, Plan } from "everwire/testing"

/** A simulation that once failed, or that found a planted fault. */
interface Kept {
  /** The fault. */
  readonly found: string
  readonly seed: number
  /** What the seed does not have to draw. Without it, and without moves, the seed alone is what is kept. */
  readonly plan?: Partial<Plan>
  readonly moves?: readonly Move[]
}

/** The world of histories that are kept move by move: they were found on it, one channel and one hub. */
const SMALL: Partial<Plan> = {
  transports: ["websocket", "sse", "long-poll", "short-poll"],
  channels: 1,
  hubs: 1,
  balanced: false,
  jitterMs: 30,
  windowBytes: 65_536,
  resumeMs: 120_000,
  speakMs: 20_000,
  patienceMs: 30_000,
  maxOutboxBytes: 16_777_216,
  wordBytes: 100,
  largeShare: 0,
  binaryShare: 0,
  quickReprobes: false,
  mended: undefined,
}

/** Lived through again by every run of the tests, for ever. */
export const keptSeeds: readonly Kept[] = [
  {
    found: "a spare link that the hub closed was taken for a stolen session",
    seed: 1,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: false },
    moves: [
      { do: "stall", ms: 20000 },
      { do: "pass", ms: 20000 },
      { do: "nap", index: 0, ms: 40000 },
      { do: "pass", ms: 40000 },
    ],
  },
  {
    found: "messages rode to two hubs, before either had welcomed the session",
    seed: 1,
    plan: { ...SMALL, latencyMs: 100, onReset: "report", tidy: false },
    moves: [
      { do: "act", act: "say-up", dice: 0 },
      { do: "black-hole", transport: "websocket" },
      { do: "pass", ms: 400 },
      { do: "pass", ms: 11 },
      { do: "restart-hub", index: 0 },
    ],
  },
  {
    found: "a session that the hub had forgotten was begun anew, and what it had heard was heard again",
    seed: 1,
    plan: { ...SMALL, latencyMs: 4, onReset: "report", tidy: false },
    moves: [
      { do: "pass", ms: 150 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "pass", ms: 40 },
      { do: "black-hole", transport: "websocket" },
      { do: "black-hole", transport: "sse" },
      { do: "black-hole", transport: "long-poll" },
      { do: "black-hole", transport: "short-poll" },
      { do: "cut" },
      { do: "pass", ms: 40 },
      { do: "jump", ms: 130000 },
      { do: "pass", ms: 40 },
    ],
  },
  {
    found: "a stray hello began the session on another hub, which then refused the channel for ever",
    seed: 617245812,
    plan: { ...SMALL, latencyMs: 4, onReset: "resend", tidy: false, wordBytes: 150000, largeShare: 1 },
    moves: [
      { do: "act", act: "ask-up", dice: 0 },
      { do: "act", act: "ask-up", dice: 0 },
      { do: "hold-back", transport: "sse" },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "half-open", index: 2, dead: "dialer" },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "ask-up", dice: 0 },
      { do: "pass", ms: 3 },
      { do: "cut-link", index: 4 },
      { do: "pass", ms: 11 },
      { do: "freeze-link", index: 0 },
      { do: "pass", ms: 700 },
      { do: "pass", ms: 0 },
      { do: "black-hole", transport: "short-poll" },
      { do: "silence", index: 5, direction: "down" },
      { do: "silence", index: 2, direction: "down" },
      { do: "pass", ms: 150 },
      { do: "hold-back", transport: "sse" },
      { do: "pass", ms: 2600 },
      { do: "cut-link", index: 5 },
      { do: "restart-hub", index: 0 },
    ],
  },
  {
    found: "a peer that a stray hello had begun was never told to anybody",
    seed: 0,
    plan: { ...SMALL, latencyMs: 4, onReset: "report", tidy: false },
    moves: [
      { do: "block", transport: "long-poll" },
      { do: "block", transport: "sse" },
      { do: "pass", ms: 0 },
      { do: "mute", transport: "short-poll" },
      { do: "jump", ms: 130000 },
      { do: "pass", ms: 150 },
      { do: "restart-hub", index: 0 },
      { do: "pass", ms: 1200 },
    ],
  },
  {
    found: "planted: a take did not increase the turn",
    seed: 1,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: true },
    moves: [
      { do: "pass", ms: 0 },
      { do: "cut-link", index: 0 },
      { do: "pass", ms: 1200 },
      { do: "act", act: "ask-up", dice: 0 },
      { do: "stall", ms: 700 },
      { do: "pass", ms: 700 },
      { do: "silence", index: 0, direction: "up" },
      { do: "pass", ms: 1200 },
    ],
  },
  {
    found: "planted: a stale take was obeyed",
    seed: 21,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: true },
    moves: [
      { do: "act", act: "say-up", dice: 0 },
      { do: "pass", ms: 400 },
      { do: "retry", index: 0 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "pass", ms: 400 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "stall", ms: 5000 },
      { do: "pass", ms: 5000 },
      { do: "act", act: "ask-up", dice: 0 },
      { do: "pass", ms: 400 },
      { do: "act", act: "say-up", dice: 0 },
    ],
  },
  {
    found: "planted: a stale hello was obeyed",
    seed: 1,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: true },
    moves: [
      { do: "black-hole", transport: "long-poll" },
      { do: "stall", ms: 20000 },
      { do: "pass", ms: 20000 },
      { do: "act", act: "say-up", dice: 0 },
    ],
  },
  {
    found: "planted: the hub did not remember the turn",
    seed: 861948657,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: true },
    moves: [
      { do: "black-hole", transport: "long-poll" },
      { do: "stall", ms: 5000 },
      { do: "pass", ms: 5000 },
      { do: "act", act: "say-up", dice: 0 },
    ],
  },
  {
    found: "planted: a session was not taken back after a race that led nowhere",
    seed: 1,
    plan: { ...SMALL, latencyMs: 0, onReset: "report", tidy: true },
    moves: [
      { do: "pass", ms: 400 },
      { do: "act", act: "say-down", dice: 0 },
      { do: "pass", ms: 40 },
      { do: "stall", ms: 5000 },
      { do: "pass", ms: 5000 },
      { do: "stall", ms: 700 },
      { do: "pass", ms: 700 },
      { do: "act", act: "say-up", dice: 0 },
      { do: "act", act: "say-down", dice: 0 },
    ],
  },
]
