import { type BackplaneSubject, backplaneLaws } from "everwire/testing"
import { describe, it } from "vitest"

export function keepsTheLaws(subject: BackplaneSubject): void {
  describe(`the backplane ${subject.name} keeps the laws`, () => {
    const laws = backplaneLaws(subject)
    // They wait for seconds until something has expired, and have a rig of their own: all of them at once.
    for (const { id, title, run } of laws.filter(expires)) it.concurrent(`${id}: ${title}`, run)
    for (const { id, title, run } of laws.filter((law) => !expires(law))) it(`${id}: ${title}`, run)
  })
}

function expires({ id }: { readonly id: string }): boolean {
  return id.endsWith(".expiry")
}
