import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/session/clockwork.ts"
import { createAfterCloseWitness } from "../../src/testing/simulation/after-close.ts"
import { createCarriageWitness } from "../../src/testing/simulation/carriage.ts"
import { createDoubleWitness } from "../../src/testing/simulation/double.ts"
import { createGoodputWitness } from "../../src/testing/simulation/goodput.ts"
import { createPhantomWitness } from "../../src/testing/simulation/phantom.ts"
import { drawPlan } from "../../src/testing/simulation/plan.ts"
import { createPrefixWitness } from "../../src/testing/simulation/prefix.ts"
import { createUncertaintyWitness } from "../../src/testing/simulation/uncertain.ts"
import type { Witness, Word } from "../../src/testing/simulation/witness.ts"

const CHANNEL = "channel 1"
const PEER = "peer"

function up(n: number, size = 1): Word {
  return { way: "up", speaker: CHANNEL, n, size, binary: false }
}
function down(n: number): Word {
  return { way: "down", speaker: PEER, n, size: 1, binary: false }
}

/** Records that the channel sends five words, and the hub five to its peer. */
function talk(witness: Witness): Witness {
  for (let n = 0; n < 5; n++) {
    witness.said?.(up(n))
    witness.said?.(down(n))
  }
  return witness
}

function hear(witness: Witness, ...words: readonly Word[]): void {
  for (const word of words) witness.heard?.(word, word.way === "up" ? PEER : CHANNEL)
}

const WITNESSES = [
  createPhantomWitness,
  createDoubleWitness,
  createPrefixWitness,
  createAfterCloseWitness,
  createUncertaintyWitness,
]

it.each(WITNESSES)("%o reports nothing in a conversation without faults", (create) => {
  const witness = talk(create())
  hear(witness, up(0), down(0), up(1))
  witness.flushed?.(CHANNEL, 2)
  // The hub had heard 2 as well, and its ack was lost: 2 and 3 are uncertain, 4 was never sent and goes to the next
  // peer.
  hear(witness, up(2))
  witness.reset?.(CHANNEL, [up(2), up(3)], "report")
  witness.peerClosed?.(PEER, 4)
  witness.heard?.(up(4), "the next peer")
  witness.channelClosed?.(CHANNEL)
  witness.over?.(new Set())
})

describe("a witness reports the fault that it watches for", () => {
  it.each<[string, () => Witness, (witness: Witness) => void]>([
    ["what nobody said", createPhantomWitness, (witness) => hear(witness, up(5))],
    ["what was said otherwise", createPhantomWitness, (witness) => hear(witness, up(0, 2))],
    [
      "what was said to another",
      createPhantomWitness,
      (witness) => {
        hear(witness, down(0))
        witness.heard?.(down(1), "channel 2")
      },
    ],
    ["what was heard twice", createDoubleWitness, (witness) => hear(witness, up(0), up(0))],
    [
      "what was only reported and heard again",
      createDoubleWitness,
      (witness) => {
        hear(witness, up(0))
        witness.reset?.(CHANNEL, [up(0)], "report")
        hear(witness, up(0))
      },
    ],
    ["a gap up", createPrefixWitness, (witness) => hear(witness, up(0), up(2))],
    ["a gap down", createPrefixWitness, (witness) => hear(witness, down(1))],
    [
      "a session that begins in the middle",
      createPrefixWitness,
      (witness) => {
        hear(witness, up(0))
        witness.reset?.(CHANNEL, [up(1)], "report")
        witness.heard?.(up(3), "the next peer")
      },
    ],
    [
      "words of the peer before a reset",
      createAfterCloseWitness,
      (witness) => {
        hear(witness, down(0))
        witness.reset?.(CHANNEL, [], "report")
        hear(witness, down(1))
      },
    ],
    [
      "words that a closed channel hears",
      createAfterCloseWitness,
      (witness) => {
        witness.channelClosed?.(CHANNEL)
        hear(witness, down(0))
      },
    ],
    [
      "words that a closed peer hears",
      createAfterCloseWitness,
      (witness) => {
        witness.peerClosed?.(PEER, 5)
        hear(witness, up(0))
      },
    ],
    ["words that are not reported", createUncertaintyWitness, (witness) => witness.reset?.(CHANNEL, [up(1)], "report")],
    [
      "words that are said again although they were heard",
      createUncertaintyWitness,
      (witness) => {
        hear(witness, up(0), up(1))
        witness.reset?.(CHANNEL, [up(0)], "report")
      },
    ],
    ["a flush that promises too much", createUncertaintyWitness, (witness) => witness.flushed?.(CHANNEL, 1)],
    ["a peer that counts too few", createUncertaintyWitness, (witness) => witness.peerClosed?.(PEER, 4)],
    ["a peer that counts too many", createUncertaintyWitness, (witness) => witness.peerClosed?.(PEER, 6)],
    ["a peer whose end nobody is told", createUncertaintyWitness, (witness) => witness.over?.(new Set())],
  ])("%s", (_what, create, breakIt) => {
    expect(() => breakIt(talk(create()))).toThrow(expect.objectContaining({ name: "Broken" }))
  })
})

describe("on a slow network", () => {
  const limits = { upBytesPerSecond: 10_000, downBytesPerSecond: 10_000 }

  function slowWorld() {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const plan = drawPlan(1, [], { limits, channels: 1, latencyMs: 10, jitterMs: 0 })
    const sink = { batch() {}, closed() {}, writable() {} }
    const acceptor = { runtime, clockwork: new Clockwork(runtime), hub: "", maxBatchBytes: 1, holdMs: 1 }
    network.acceptor("x").open({ ...acceptor, admit: () => sink })
    const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
    const link = network.dialer("x").dial(target, sink)
    return { runtime, network, plan, link, calm: true }
  }

  it("a word that is heard as soon as the network allows is no fault, a later one is", () => {
    const world = slowWorld()
    const witness = createGoodputWitness(world)
    for (const n of [0, 1]) witness.said?.(up(n, 100_000))
    world.runtime.advance(20_000)
    witness.check?.()
    hear(witness, up(0, 100_000))
    world.runtime.advance(60_000)
    expect(() => witness.check?.()).toThrow(/^goodput: .* word of channel 1 1 /)
    hear(witness, up(1, 100_000))
    witness.check?.()
  })

  it("a word may be late where something failed, and is not expected from an end that has left", () => {
    const world = slowWorld()
    const witness = createGoodputWitness(world)
    witness.said?.(up(0))
    world.runtime.advance(600_000)
    createGoodputWitness({ ...world, calm: false }).check?.()
    world.calm = false
    witness.check?.()
    world.calm = true
    witness.peerClosed?.(PEER, 0)
    witness.check?.()
  })

  it("data that is carried twice is reported", () => {
    const world = slowWorld()
    const witness = createCarriageWitness(world)
    witness.said?.(up(0, 100_000))
    world.link.send("x".repeat(101_000))
    witness.check?.()
    world.link.send("x".repeat(100_000))
    expect(() => witness.check?.()).toThrow(/^carriage: 201000 bytes went up for 100000 in 1 words/)
  })

  it("an ack for each small part of a large word is reported", () => {
    const world = slowWorld()
    const witness = createCarriageWitness(world)
    witness.said?.(down(0))
    for (let n = 0; n < 200; n++) world.link.send("a1")
    witness.check?.()
    for (let n = 0; n < 200; n++) world.link.send("a1")
    expect(() => witness.check?.()).toThrow(/^carriage: 400 batches went up/)
  })
})
