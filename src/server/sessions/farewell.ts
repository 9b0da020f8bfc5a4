import type { Link } from "../../session/link.ts"
import type { Session } from "../../session/session.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import { writeBye } from "../../wire/handshake.ts"

/** What ends with a session. */
interface Leaving {
  readonly session: Session
  readonly links: { end(why: Closing): void; dismiss(why: Closing): void; readonly frozen: Link | undefined }
}

const MOVED = closing("moved", "another process has the session now")

/** Ends the session and its links, and tells the channel why. */
export function sayFarewell({ session, links }: Leaving, hub: string, why: Closing): void {
  const { link } = session
  session.flushNow(true)
  // So that the channel does not count them as lost. Over HTTP the bye may overtake an ack, so send another.
  const isOwed = session.owesAck || (link?.exchanges && session.heard > 0)
  const ack = link !== undefined && isOwed ? session.acknowledgement(link) : undefined
  if (ack !== undefined) link?.send(ack)
  session.end()
  const { heard } = session
  const last = link ?? links.frozen
  last?.send(writeBye(why, { hub, heard }))
  last?.close(why)
  links.end(why)
}

/** Ends a session that another process has taken: its channel is told to dial again. Returns what it is told. */
export function sayMoved({ session, links }: Leaving): Closing {
  links.dismiss(MOVED)
  session.end()
  links.end(MOVED)
  return MOVED
}
