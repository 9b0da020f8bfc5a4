import { Duplex } from "node:stream"
import { setImmediate as turn } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { Intake, Turns } from "../../../src/runtimes/node/intake.ts"
import { Clockwork } from "../../../src/session/clockwork.ts"
import { createRuntime } from "../../support/hub-server.ts"

/** A stream whose listener takes this many ms for each piece that it is given. */
async function start(pieceMs: number, shared = new Turns()) {
  let now = 0
  const clockwork = new Clockwork({ ...createRuntime(), now: () => now })
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const heard: Buffer[] = []
  let counted = 0
  let held = 0
  const sink = {
    came(bytes: number) {
      counted += bytes
    },
    held(bytes: number) {
      held += bytes
    },
  }
  const intake = new Intake(stream, clockwork, shared, sink)
  let isEnded = false
  stream.on("data", (piece: Buffer) => {
    heard.push(piece)
    now += pieceMs
  })
  stream.on("end", () => {
    isEnded = true
  })
  await turn() // The stream flows from here on.
  return {
    stream,
    intake,
    bytes: () => heard.reduce((sum, piece) => sum + piece.length, 0),
    all: () => Buffer.concat(heard),
    counted: () => counted,
    held: () => held,
    isEnded: () => isEnded,
  }
}

/** Bytes in which no two pieces are the same. */
const chunk = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, at) => (at + (at >> 8) + (at >> 12)) % 251))

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn()
}

/** The errors that nothing catches meanwhile. The test runner does not hear of them. */
async function uncaughtDuring(run: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const others = process.listeners("uncaughtException")
  process.removeAllListeners("uncaughtException")
  process.on("uncaughtException", (error) => uncaught.push(error))
  try {
    await run()
  } finally {
    process.removeAllListeners("uncaughtException")
    for (const listener of others) process.on("uncaughtException", listener)
  }
  return uncaught
}

describe("the data that one socket brings at once", () => {
  it("is delivered without waiting for a turn when it takes no time", async () => {
    const { stream, bytes, held } = await start(0)
    expect(stream.push(chunk(65_536))).toBe(true)
    expect([bytes(), held()]).toEqual([65_536, 0])
  })

  it("is delivered in slices of 2 ms, one in each turn, complete and in order, with the end last", async () => {
    const { stream, intake, bytes, all, counted, held, isEnded } = await start(1)
    const sent = chunk(65_536)
    expect(stream.push(sent)).toBe(false)
    expect([bytes(), counted(), held(), intake.heldBytes]).toEqual([8_192, 8_192, 57_344, 57_344])
    stream.push(sent)
    stream.push(null)
    expect(bytes()).toBe(8_192)
    await turn()
    expect(bytes()).toBe(16_384)
    await turns(20)
    expect(isEnded()).toBe(true)
    expect(all().equals(Buffer.concat([sent, sent]))).toBe(true)
    expect(intake.heldBytes).toBe(0)
  })

  it("has at most one slice in each turn, however many turns it takes", async () => {
    const { stream, bytes } = await start(1)
    stream.push(chunk(131_072))
    const slices: number[] = []
    for (let n = 0; n < 10; n++) {
      await turn()
      slices.push(bytes() / 8_192)
    }
    expect(slices).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  it("waits for a turn also when it comes in small chunks", async () => {
    const { stream, bytes } = await start(1)
    for (let n = 0; n < 10; n++) stream.push(chunk(10))
    expect(bytes()).toBe(20)
    await turns(6)
    expect(bytes()).toBe(100)
  })

  it("waits after that of sockets that have waited longer", async () => {
    const shared = new Turns()
    const seats = await Promise.all(Array.from({ length: 10 }, () => start(2, shared)))
    for (const { stream } of seats) stream.push(chunk(8_192))
    const slices = (): number[] => seats.map(({ bytes }) => bytes() / 4_096)
    expect(slices()).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    await turn()
    expect(slices()).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 1, 1])
    await turn()
    expect(slices()).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 1, 1])
    await turn()
    expect(slices()).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
  })

  it("does not wait behind that of the sockets of another hub", async () => {
    const [shared, own] = [new Turns(), new Turns()]
    const others = await Promise.all(Array.from({ length: 8 }, () => start(2, shared)))
    const alone = await start(2, own)
    for (const { stream } of [...others, alone]) stream.push(chunk(8_192))
    await turn()
    expect(others.map(({ bytes }) => bytes() / 4_096)).toEqual([2, 2, 2, 2, 1, 1, 1, 1])
    expect(alone.bytes()).toBe(8_192)
  })

  it("has its turn although a listener of another socket throws", async () => {
    const shared = new Turns()
    const seats = await Promise.all(Array.from({ length: 6 }, () => start(2, shared)))
    seats[0]?.stream.on("data", () => {
      if (seats[0]?.bytes() === 8_192) throw new Error("a listener failed")
    })
    for (const { stream } of seats) stream.push(chunk(8_192))
    const uncaught = await uncaughtDuring(() => turns(3))
    expect(uncaught).toMatchObject([{ message: "a listener failed" }])
    expect(seats.map(({ bytes }) => bytes())).toEqual(Array.from({ length: 6 }, () => 8_192))
  })

  it("waits while the stream is paused, and continues after that", async () => {
    const { stream, intake, bytes, all } = await start(0)
    intake.isPaused = true
    const sent = chunk(10_000)
    stream.push(sent)
    await turns(3)
    expect(bytes()).toBe(0)
    intake.resume()
    await turns(2)
    expect(all().equals(sent)).toBe(true)
  })

  it("is dropped, with what still comes, when nothing of the socket is heard any more", async () => {
    const { stream, intake, bytes, held } = await start(1)
    stream.push(chunk(65_536))
    expect(intake.heldBytes).toBe(57_344)
    intake.drop()
    expect(intake.heldBytes).toBe(0)
    expect(stream.push(chunk(65_536))).toBe(false)
    intake.resume()
    await turns(3)
    expect(stream.push(chunk(100))).toBe(false)
    expect([bytes(), held(), intake.heldBytes]).toEqual([8_192, 57_344, 0])
  })

  it("is dropped when the stream is destroyed", async () => {
    const { stream, intake, bytes } = await start(1)
    stream.push(chunk(65_536))
    stream.destroy()
    await turns(3)
    expect(bytes()).toBe(8_192)
    expect(intake.heldBytes).toBe(0)
  })
})
