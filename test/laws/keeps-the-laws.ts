import { type TransportSubject, transportLaws } from "everwire/testing"
import { describe, it, vi } from "vitest"

vi.setConfig({ maxConcurrency: 24 }) // they wait more than they work

/** One test for each law that this transport has to keep. In real time they wait side by side, each in its own world. */
export function keepsTheLaws(subject: TransportSubject): void {
  const { realTime } = subject.traits
  describe(`${subject.name} keeps the laws`, { concurrent: realTime }, () => {
    for (const { id, title, run } of transportLaws(subject)) it(`${id}: ${title}`, run)
  })
}
