import { type TransportSubject, transportLaws } from "everwire/testing"
import { describe, it, vi } from "vitest"

vi.setConfig({ maxConcurrency: 24 }) // These tests mostly wait, so many can run at the same time.

/**
 * One test for each law that this transport must keep. In real time the tests run concurrently, each with its own
 * setup.
 */
export function keepsTheLaws(subject: TransportSubject): void {
  const { realTime } = subject.traits
  describe(`${subject.name} keeps the laws`, { concurrent: realTime }, () => {
    for (const { id, title, run } of transportLaws(subject)) it(`${id}: ${title}`, run)
  })
}
