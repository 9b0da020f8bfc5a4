import { type BackplaneSubject, backplaneLaws } from "everwire/testing"
import { describe, it } from "vitest"

export function keepsTheLaws(subject: BackplaneSubject): void {
  describe(`the backplane ${subject.name} keeps the laws`, () => {
    for (const { id, title, run } of backplaneLaws(subject)) it(`${id}: ${title}`, run)
  })
}
