import type { Backplane } from "everwire/testing"
import { expect } from "vitest"
import { passUntil } from "./rigs/real-time.ts"

/** What a subscriber has heard, as numbers; and what the end was told of its connection. */
export interface Watched {
  readonly heard: number[]
  readonly told: boolean[]
}

export async function watch(end: Backplane): Promise<Watched> {
  const watched: Watched = { heard: [], told: [] }
  end.onConnected((isConnected) => watched.told.push(isConnected))
  await end.subscribe("n", (data) => {
    watched.heard.push(new DataView(data.buffer, data.byteOffset).getUint32(0))
  })
  return watched
}

/** Publishes numbers, each as the first four bytes of a message. Returns the number. */
export function counter(end: Backplane): (bytes?: number) => number {
  let number = 0
  return (bytes = 4) => {
    const data = new Uint8Array(bytes)
    new DataView(data.buffer).setUint32(0, ++number)
    end.publish("n", data)
    return number
  }
}

export async function eventually(what: string, holds: () => boolean): Promise<void> {
  expect(await passUntil(holds, 20_000), what).toBe(true)
}

/** Publishes until a number is heard that was published from now on. */
export async function isHeardAgain(next: () => number, { heard }: Watched): Promise<void> {
  const from = next()
  await eventually("heard again", () => {
    next()
    return (heard.at(-1) ?? 0) > from
  })
}

export function rises({ heard }: Watched): void {
  expect(heard.filter((number, at) => at > 0 && number <= (heard[at - 1] ?? 0))).toEqual([])
}
