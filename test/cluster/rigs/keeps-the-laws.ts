import { type BackplaneSubject, backplaneLaws } from "everwire/testing"
import { describe, it } from "vitest"

export function keepsTheLaws(subject: BackplaneSubject): void {
  // Each law has a rig of its own, and most of them wait for real time.
  describe.concurrent(`the backplane ${subject.name} keeps the laws`, () => {
    for (const { id, title, run } of backplaneLaws(subject)) it(`${id}: ${title}`, run)
  })
}
