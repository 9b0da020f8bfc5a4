import { isThenable } from "../../session/thenable.ts"
import { type Batch, sizeOf } from "../../wire/batch.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import type { ClusterLinks, RelaySink, Whereabouts } from "../cluster.ts"
import type { Principal } from "../peer.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import type { Judging } from "./judgement.ts"

/**
 * How long a short poll waits for the packets that the session, at another process, sends because of it. The way there and
 * back takes about a millisecond, and more while a process is busy.
 */
export const AWAY_MS = 50

/** The link whose session is looked for: see `inquiry.ts`. */
interface Seeker {
  isOpen(): boolean
  refuse(why: Closing): void
  disown(reason: string): void
  admit(known: HubSession | undefined, principal: Principal): void
  /** @throws EverwireError `payload-unsupported` */
  relay(links: ClusterLinks, owner: string, principal: Principal): void
  broke(error: unknown): void
}

/**
 * Finds out which process of the cluster has the session of a judged hello. A new session is claimed for one process.
 * `isRelayed`: another process has judged it.
 */
export function locate(
  host: AdmissionHost,
  links: ClusterLinks,
  judging: Judging,
  seeker: Seeker,
  principal: Principal,
  isRelayed: boolean,
): void {
  const { hello, origin } = judging
  // A claim holds for a minute. A hub that cannot begin the session must not make one.
  const full = hello.hub === undefined ? (host.closing() ?? host.registry.refusal(origin.address ?? "")) : undefined
  if (full !== undefined) return seeker.refuse(full)
  const found = (where: Whereabouts): void => {
    if (!seeker.isOpen()) return
    // Meanwhile another link may have begun the session here.
    if (where === undefined) return seeker.admit(host.registry.get(hello.id), principal)
    if ("refusal" in where) return seeker.refuse(where.refusal)
    if ("disowned" in where) return seeker.disown(where.disowned)
    try {
      seeker.relay(links, where.owner, principal)
    } catch (error) {
      host.report(error)
      seeker.refuse(closing("unauthorized", "the principal cannot be told to the process that has the session"))
    }
  }
  const where = links.find(hello, isRelayed)
  if (!isThenable(where)) return found(where)
  judging.asked = "the cluster"
  Promise.resolve(where)
    .then(found)
    .catch((error: unknown) => seeker.broke(error))
}

/**
 * Passes a batch on to the owner of the session.
 *
 * @throws EverwireError `rate-limited` if too much waits there, from a transport that cannot stop reading
 */
export function passOn({ maxLinkBytes }: AdmissionHost, sink: RelaySink, batch: Batch): void {
  if (sink.waitingBytes + sizeOf(batch) > 2 * maxLinkBytes) {
    throw new EverwireError("rate-limited", "more was sent than can be worked on")
  }
  sink.batch(batch)
}
