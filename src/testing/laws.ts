import { Bench } from "./laws/bench.ts"
import { cleanup } from "./laws/cleanup.ts"
import { closings } from "./laws/closing.ts"
import { hostility } from "./laws/hostility.ts"
import { integrity } from "./laws/integrity.ts"
import { interopChannel } from "./laws/interop-channel.ts"
import { interopSession } from "./laws/interop-session.ts"
import { isolation } from "./laws/isolation.ts"
import type { Law, LawDefinition } from "./laws/law.ts"
import { order } from "./laws/order.ts"
import { pressure } from "./laws/pressure.ts"
import { reentry } from "./laws/reentry.ts"
import { silence } from "./laws/silence.ts"
import type { TransportSubject } from "./laws/subject.ts"

export { type BackplaneRig, type BackplaneSubject, backplaneLaws } from "./laws/backplane-laws.ts"
export { codecLaws } from "./laws/codec.ts"
export type { Law } from "./laws/law.ts"
export { LawBroken } from "./laws/law-broken.ts"
export type {
  Claim,
  Seat,
  TransportRig,
  TransportSubject,
  TransportTraits,
  Whereabouts,
} from "./laws/subject.ts"

/** Every law, as `docs/laws.md` lists them. */
const laws: readonly LawDefinition[] = [
  ...order,
  ...integrity,
  ...closings,
  ...silence,
  ...reentry,
  ...pressure,
  ...isolation,
  ...cleanup,
  ...hostility,
  ...interopSession,
  ...interopChannel,
]

/**
 * The laws that a transport has to keep to carry everwire, each ready to run in any test runner or in none. A law that
 * needs a trait which the subject does not claim is left out. `docs/laws.md` says what each law does.
 *
 * @example
 * for (const { id, title, run } of transportLaws(subject)) test(`${id}: ${title}`, run)
 */
export function transportLaws(subject: TransportSubject): Law[] {
  const { traits } = subject
  return laws
    .filter(({ needs = [] }) => needs.every((claim) => traits[claim]))
    .map(({ id, title, prove }) => ({ id, title, run: () => Bench.try(id, subject, prove) }))
}
