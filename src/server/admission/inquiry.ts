import { isThenable } from "../../session/thenable.ts"
import type { Closing } from "../../wire/errors.ts"
import type { ClusterLinks } from "../cluster.ts"
import { rateLimited, spent, waitMs } from "../limits/allowance.ts"
import type { Principal } from "../peer.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { type Judging, judge } from "./judgement.ts"
import { locate } from "./locate.ts"

const ANONYMOUS: Principal = { id: "" }

/** The link whose hello is judged and whose session is looked for. */
export interface Seeker {
  /** Whether it still waits: it may have been closed, or its deadline may have passed. */
  isOpen(): boolean
  refuse(why: Closing): void
  /** The hub that has the session is gone. */
  disown(reason: string): void
  /** The session is here, or may begin here. */
  admit(known: HubSession | undefined, principal: Principal): void
  /** Another process has the session. @throws EverwireError `payload-unsupported` */
  relay(links: ClusterLinks, owner: string, principal: Principal): void
  broke(error: unknown): void
}

/** Judges a hello, and finds its session. */
export function inquire(host: AdmissionHost, judging: Judging, seeker: Seeker): void {
  const leaving = host.closing()
  if (leaving === undefined) return judgeHello(host, judging, seeker)
  // While the hub drains, its existing sessions may still be resumed, and those that it has handed over.
  find(host, judging, seeker, (known) =>
    known === undefined && !isMoved(host, judging) ? seeker.refuse(leaving) : judgeHello(host, judging, seeker),
  )
}

/** Finds the session of a hello that another process has judged. */
export function inquireForOther(host: AdmissionHost, judging: Judging, seeker: Seeker, principal: Principal): void {
  find(host, judging, seeker, (known) => {
    if (known === undefined && isMoved(host, judging)) return settle(host, judging, seeker, known, principal, true)
    const leaving = known === undefined ? host.closing() : undefined
    if (leaving === undefined) seeker.admit(known, principal)
    else seeker.refuse(leaving)
  })
}

/** Whether the session moves from this hub or to it. */
function isMoved(host: AdmissionHost, { hello }: Judging): boolean {
  return host.links()?.isMoved(hello.id) === true
}

/**
 * Calls back with the session of this id: at once if the directory answers at once, and only while the hello is being
 * judged.
 */
function find(
  { directory, registry }: AdmissionHost,
  judging: Judging,
  seeker: Seeker,
  then: (known: HubSession | undefined) => void,
): void {
  const { id } = judging.hello
  const found = directory.find(id)
  if (!isThenable(found)) return then(found)
  judging.asked = "the directory of sessions"
  const answered = (later: HubSession | undefined): void => {
    if (!seeker.isOpen()) return
    // Meanwhile another link may have begun the session, or the session that was found may have ended.
    then(registry.get(id) ?? (later?.session.ended === false ? later : undefined))
  }
  Promise.resolve(found)
    .then(answered)
    .catch((error: unknown) => seeker.broke(error))
}

function judgeHello(host: AdmissionHost, judging: Judging, seeker: Seeker): void {
  const { hello, heardAt, origin } = judging
  const { sites, costs, authenticate } = host
  const site = sites.at(origin.address)
  const tooSoonMs = site === undefined ? 0 : waitMs(site.hellosUntil, heardAt)
  if (tooSoonMs > 0) return seeker.refuse(rateLimited("too many hellos from this address", tooSoonMs))
  if (site !== undefined) site.hellosUntil = spent(site.hellosUntil, costs.hello, heardAt)
  if (authenticate === undefined) {
    return find(host, judging, seeker, (known) => settle(host, judging, seeker, known, ANONYMOUS))
  }
  judging.asked = "authenticate"
  judge(host, authenticate, { auth: hello.auth, origin, reason: "connect" }, site, {
    isOpen: () => seeker.isOpen(),
    refuse: (why) => seeker.refuse(why),
    admit: (principal) => {
      try {
        find(host, judging, seeker, (known) => settle(host, judging, seeker, known, principal))
      } catch (error) {
        seeker.broke(error)
      }
    },
  })
}

/** Asks a cluster which process has the session, unless this one knows it. */
function settle(
  host: AdmissionHost,
  judging: Judging,
  seeker: Seeker,
  known: HubSession | undefined,
  principal: Principal,
  isRelayed = false,
): void {
  const links = known === undefined ? host.links() : undefined
  if (links === undefined) seeker.admit(known, principal)
  else locate(host, links, judging, seeker, principal, isRelayed)
}
