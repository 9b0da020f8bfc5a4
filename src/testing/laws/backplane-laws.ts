import { BackplaneBench, type BackplaneLaw, type BackplaneSubject } from "./backplane/bench.ts"
import { bus } from "./backplane/bus.ts"
import { connections } from "./backplane/connection.ts"
import { logs } from "./backplane/log.ts"
import { store } from "./backplane/store.ts"
import type { Law } from "./law.ts"

export type { BackplaneRig, BackplaneSubject } from "./backplane/bench.ts"

/** Every law, as `docs/laws.md` lists them. */
const laws: readonly BackplaneLaw[] = [...bus, ...store, ...logs, ...connections]

/**
 * The laws that a backplane has to keep to join hubs, each ready to run in any test runner or in none. `docs/laws.md` lists
 * them, `docs/backplanes.md` shows how to write a backplane.
 *
 * @example
 * for (const { id, title, run } of backplaneLaws(subject)) test(`${id}: ${title}`, run)
 */
export function backplaneLaws(subject: BackplaneSubject): Law[] {
  return laws
    .filter(({ cuts = false }) => subject.cuts || !cuts)
    .map(({ id, title, prove }) => ({ id, title, run: () => BackplaneBench.try(id, subject, prove) }))
}
