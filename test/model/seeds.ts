import type { SessionHistory } from "./session-history.ts"
import type { SystemHistory } from "./system-history.ts"

/** A history that once failed. */
interface Kept<History> {
  /** The fault that it found. */
  readonly found: string
  /** As fast-check printed them; absent when the generators that they belong to are gone. */
  readonly seed?: number
  readonly path?: string
  /** What they stood for, which keeps its meaning when the generators change. */
  readonly history: History
}

/** Histories of two sessions that once failed, replayed for ever. */
export const sessionSeeds: readonly Kept<SessionHistory>[] = [
  {
    found: "an ack ahead of a link's cursor made an endless loop",
    seed: 680046248,
    path: "21:0:0:2:0:0:3:7:12:10:15:17",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "say", end: "accepting", many: 6, size: 70000, binary: false },
        { do: "let-go", index: 3 },
        { do: "pass", ms: 300 },
      ],
    },
  },
  {
    found: "a link taken once more lost the other side's position",
    seed: -1514098337,
    path: "58:0:3:2:4:7:10:10:10:12:3:5:7:14:18:19:20:20:20:24:24",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "say", end: "accepting", many: 1, size: 1, binary: false },
        { do: "dial", takes: true },
        { do: "pass", ms: 2600 },
        { do: "take", index: 0 },
        { do: "say", end: "accepting", many: 1, size: 1, binary: false },
        { do: "pass", ms: 300 },
      ],
    },
  },
  {
    found: "planted: a late batch of an old link was heard",
    seed: 859448805,
    path: "10:0:0:2:0:0:0:2:0:2:1:5:5:6:7:5:1:4",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "say", end: "dialing", many: 1, size: 1, binary: false },
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "pass", ms: 11000 },
      ],
    },
  },
  {
    found: "planted: a late ack of an old link was heard",
    seed: -906163366,
    path: "200:9:1:0:2:9:1:1:18:0:2:1:3:2:0:2:1:4:0:0:0:1:0:19:17:18:22:25:4:7:12:16:19:20:17:15:15",
    history: {
      seed: 408386809,
      swapped: false,
      steps: [
        { do: "dial", takes: false },
        { do: "say", end: "dialing", many: 5, size: 70000, binary: false },
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "pass", ms: 300 },
      ],
    },
  },
]

/** Histories of a channel and its hub that once failed, replayed for ever. */
export const systemSeeds: readonly Kept<SystemHistory>[] = [
  {
    found: "a spare link that the hub closed was taken for a stolen session",
    seed: 1948134283,
    path: "124:0:0:9:8:8:12:12:14:0:7:7",
    history: {
      seed: 0,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: false,
      steps: [
        { do: "stall", ms: 20000 },
        { do: "nap", ms: 40000 },
      ],
    },
  },
  {
    found: "messages rode to two hubs, before either had welcomed the session",
    seed: -311782108,
    path: "242:0:1:1:3:3:2:8:11:12:10:10:16:13",
    history: {
      seed: 0,
      latencyMs: 100,
      resend: false,
      greets: false,
      tidy: false,
      steps: [
        { do: "send-up", many: 1, size: 1 },
        { do: "black-hole", name: "websocket" },
        { do: "pass", ms: 400 },
        { do: "pass", ms: 11 },
        { do: "restart-hub" },
      ],
    },
  },
  {
    found: "a session that the hub had forgotten was begun anew, and what it had heard was heard again",
    history: {
      seed: 0,
      latencyMs: 4,
      resend: false,
      greets: false,
      tidy: false,
      steps: [
        { do: "pass", ms: 150 },
        { do: "send-up", many: 1, size: 1 },
        { do: "pass", ms: 40 },
        { do: "black-hole", name: "websocket" },
        { do: "black-hole", name: "sse" },
        { do: "black-hole", name: "long-poll" },
        { do: "black-hole", name: "short-poll" },
        { do: "cut-everything" },
        { do: "pass", ms: 40 },
        { do: "jump", ms: 130000 },
        { do: "pass", ms: 40 },
      ],
    },
  },
  {
    found: "a stray hello began the session on another hub, which then refused the channel for ever",
    history: {
      seed: 617245811,
      latencyMs: 4,
      resend: true,
      greets: true,
      tidy: false,
      steps: [
        { do: "ask-up" },
        { do: "ask-up" },
        { do: "hold-back", name: "sse" },
        { do: "send-up", many: 4, size: 1 },
        { do: "send-down", many: 4, size: 150000 },
        { do: "half-open", index: 2, dead: "dialer" },
        { do: "send-up", many: 3, size: 150000 },
        { do: "ask-up" },
        { do: "pass", ms: 3 },
        { do: "cut-wire", index: 4 },
        { do: "pass", ms: 11 },
        { do: "freeze-wire", index: 0 },
        { do: "pass", ms: 700 },
        { do: "pass", ms: 0 },
        { do: "black-hole", name: "short-poll" },
        { do: "silence", index: 5, direction: "down" },
        { do: "silence", index: 2, direction: "down" },
        { do: "pass", ms: 150 },
        { do: "hold-back", name: "sse" },
        { do: "pass", ms: 2600 },
        { do: "cut-wire", index: 5 },
        { do: "restart-hub" },
      ],
    },
  },
  {
    found: "a peer that a stray hello had begun was never told to anybody",
    history: {
      seed: 0,
      latencyMs: 4,
      resend: false,
      greets: true,
      tidy: false,
      steps: [
        { do: "block", name: "long-poll" },
        { do: "block", name: "sse" },
        { do: "pass", ms: 0 },
        { do: "mute", name: "short-poll" },
        { do: "jump", ms: 130000 },
        { do: "pass", ms: 150 },
        { do: "restart-hub" },
        { do: "pass", ms: 1200 },
      ],
    },
  },
  {
    found: "planted: a take did not increase the turn",
    seed: -37963734,
    path: "115:0:0:4:1:1:2:5:8:7:10:12:13:14:15:16:18:18:18:20",
    history: {
      seed: 0,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: true,
      steps: [
        { do: "pass", ms: 0 },
        { do: "cut-wire", index: 0 },
        { do: "pass", ms: 1200 },
        { do: "ask-up" },
        { do: "stall", ms: 700 },
        { do: "silence", index: 0, direction: "up" },
        { do: "pass", ms: 1200 },
      ],
    },
  },
  {
    found: "planted: a stale take was obeyed",
    seed: -1120511848,
    path: "858:3:1:6:6:9:14:18:22:26:29:30:37:40:40:41:40:40:40",
    history: {
      seed: 21,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: true,
      steps: [
        { do: "send-up", many: 1, size: 1 },
        { do: "pass", ms: 400 },
        { do: "retry" },
        { do: "send-up", many: 1, size: 1 },
        { do: "pass", ms: 400 },
        { do: "send-up", many: 1, size: 1 },
        { do: "send-down", many: 1, size: 1 },
        { do: "stall", ms: 5000 },
        { do: "ask-up" },
        { do: "pass", ms: 400 },
        { do: "send-up", many: 1, size: 1 },
      ],
    },
  },
  {
    found: "planted: a stale hello was obeyed",
    seed: 1084646780,
    path: "7098:0:3:4:1:2:1:8:10:11:6:6:7:8:8:8",
    history: {
      seed: 0,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: true,
      steps: [
        { do: "black-hole", name: "long-poll" },
        { do: "stall", ms: 20000 },
        { do: "send-up", many: 1, size: 1 },
      ],
    },
  },
  {
    found: "planted: the hub did not remember the turn",
    seed: 1261293856,
    path: "964:1:3:1:4:0:1:2:3:4:1:1:2:8:10:0:14:22:2:15:17:21:22:24:25:25:25:12:20",
    history: {
      seed: 861948657,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: true,
      steps: [
        { do: "black-hole", name: "long-poll" },
        { do: "stall", ms: 5000 },
        { do: "send-up", many: 1, size: 1 },
      ],
    },
  },
  {
    found: "planted: a session was not taken back after a race that led nowhere",
    seed: 53207019,
    path: "684:7:19:0:1:1:3:5:3:10:9:0:1:0:0:1:3:2:11:3:10:11:12:15:0:0:9:12:12:12:14:15:17:21:29:31:2:20:22:25:25:25",
    history: {
      seed: 0,
      latencyMs: 0,
      resend: false,
      greets: false,
      tidy: true,
      steps: [
        { do: "pass", ms: 400 },
        { do: "send-down", many: 1, size: 1 },
        { do: "pass", ms: 40 },
        { do: "stall", ms: 5000 },
        { do: "stall", ms: 700 },
        { do: "send-up", many: 1, size: 1 },
        { do: "send-down", many: 1, size: 1 },
      ],
    },
  },
]
