import type { Direction } from "../wire.ts"
import type { World } from "./application.ts"
import { isCalm } from "./calm.ts"
import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/** Factors on the bytes of the words: for the headers of parts, and for acks of the other side's words. */
const SHARE = 1.1
const ACK_SHARE = 0.02
/** Bytes around a word, and of its ack. */
const AROUND_BYTES = 150
/** Bytes for each dial (hello and welcome), for the requests and their answers, and for beats. */
const DIAL_BYTES = 1_000
const BASE_BYTES = 20_000
const BYTES_PER_SECOND = 200

/** Batches beyond those of small words: one per part of a large word, acks per bytes and per time, dials and beats. */
const PART_BYTES = 1_024
const ACKED_BYTES = 4_096
const BATCHES_PER_DIAL = 8
const BASE_BATCHES = 200
const BATCHES_PER_SECOND = 12

/**
 * Checks that without faults the network carries each word once, with little overhead: no packet is sent again only
 * because it was slow, and small packets are not acknowledged one by one.
 */
export function createCarriageWitness(world: Pick<World, "runtime" | "plan" | "calm" | "network">): Witness {
  const said = { up: 0, down: 0 }
  let words = 0
  const startedAt = world.runtime.now()
  const checkWay = (way: Direction, back: Direction): void => {
    const { network, runtime, plan } = world
    const { bytes, batches } = network.carried[way]
    const seconds = (plan.channels * (runtime.now() - startedAt)) / 1_000
    const most = SHARE * said[way] + ACK_SHARE * said[back] + AROUND_BYTES * words
    const mostBytes = most + DIAL_BYTES * network.dials + BYTES_PER_SECOND * seconds + BASE_BYTES
    if (bytes > mostBytes) throw new Broken("carriage", `${bytes} bytes went ${way} for ${said[way]} in ${words} words`)
    const mostBatches =
      2 * words +
      said[way] / PART_BYTES +
      said[back] / ACKED_BYTES +
      BATCHES_PER_DIAL * network.dials +
      BATCHES_PER_SECOND * seconds +
      BASE_BATCHES
    if (batches > mostBatches) throw new Broken("carriage", `${batches} batches went ${way} for ${words} words`)
  }
  return {
    said({ way, size }) {
      said[way] += size
      words++
    },
    rumoured(way, _speaker, size) {
      said[way] += size
      words++
    },
    carried(way, bytes) {
      said[way] += bytes
      words++
    },
    check() {
      if (!isCalm(world)) return
      checkWay("up", "down")
      checkWay("down", "up")
    },
  }
}
