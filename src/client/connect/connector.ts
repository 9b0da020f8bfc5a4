import type { Packet } from "../../wire/batch.ts"
import { type Closing, closing, protocolError } from "../../wire/errors.ts"
import { AUTH_REFRESH } from "../../wire/features.ts"
import { readBye, readWelcome, writeBye } from "../../wire/handshake.ts"
import { BYE, CREDENTIALS } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { explain } from "../explain.ts"
import type { Identity, OwnAttempt } from "./attempt.ts"
import { createAttempts } from "./attempts.ts"
import { createClimber } from "./climber.ts"
import type { Connector, ConnectorHost } from "./connector-host.ts"
import { askCredentials } from "./credentials.ts"

/** How many more hubs (behind a balancer without sticky sessions) a channel asks after one did not know its session. */
const UNKNOWN_RETRIES = 3

/**
 * Creates the connector of a channel. Connecting, reconnecting, falling back and climbing back are all the same climb:
 * the rungs are dialed one after another with small gaps; the first welcomed link carries the session; a better rung
 * that proves itself takes over; all other attempts are let go.
 */
export function createConnector(host: ConnectorHost, identity: Identity): Connector {
  const { runtime, dialers, health } = host
  /** How many hubs in a row, other than the one that has the session, did not know it. */
  let strangers = 0
  /**
   * Shares the browser's few connections with other tabs. Undefined if no transport in the ladder holds a connection.
   */
  const connections = dialers
    .find(({ holds }) => holds)
    ?.holds?.({
      runtime,
      url: host.url,
      verdicts: health,
      changed() {
        if (connections?.isCrowded() && attempts.current?.dialer.holds) doubted()
        else climber.freed()
      },
    })
  const attempts = createAttempts(
    host,
    {
      answered,
      heard,
      closed: (attempt, why) => climber.closed(attempt, why),
      end: (attempt, mute, why) => climber.end(attempt, mute, why),
    },
    connections,
    identity,
  )
  const climber = createClimber(host, attempts, connections)

  /** Reads the first batch of a link: a welcome or a bye. */
  function answered(attempt: OwnAttempt, [first = "", ...rest]: readonly Packet[]): void {
    if (typeof first !== "string") throw protocolError("not text")
    if (kindOf(first) === BYE) return refused(attempt, readBye(first))
    const welcome = readWelcome(first)
    if (welcome.codec !== host.codec) {
      return climber.fatal(closing("codec-unsupported", "the hub knows no codecs", false))
    }
    if (attempts.hub && attempts.hub !== welcome.hub && !welcome.moved) {
      // Two hubs behind one address were dialed at the same time. The other one has the session.
      attempt.link.send(writeBye(closing("superseded", "not needed")))
      attempts.letGo(attempt)
      return climber.advance()
    }
    strangers = 0
    if (attempts.welcomed(attempt, welcome)) climber.adopt(attempt, rest)
    else climber.advance()
  }

  function heard(attempt: OwnAttempt, isProof: boolean): void {
    if (attempt !== attempts.current) {
      if (!attempt.trialUntil) climber.adopt(attempt)
    } else if (isProof) {
      climber.trust(attempt)
      climber.advance()
    }
  }

  /** The hub sent a bye. It refuses this link, or does not know the session, or ends the session. */
  function refused(attempt: OwnAttempt, { why, hub, ageMs, heard }: ReturnType<typeof readBye>): void {
    const { link } = attempt
    const isUnknown = why.code === "session-unknown"
    if (!isUnknown || link.exchanges) {
      // The hub has ended the link. So the channel sends no bye of its own, which would cost an exchange.
      link.abandon?.()
      link.close(why)
    }
    if (!isUnknown) {
      if (!why.retryable) return climber.fatal(why)
      // The hub has ended the session. So the next hello need not look for a hub that knows it.
      if (attempt === attempts.current && heard >= 0) {
        for (const other of attempts.newcomers()) attempts.letGo(other)
        attempt.sent = 0
        attempts.begin(host.reset(why, heard))
      }
      return climber.closed(attempt, why)
    }
    attempts.refuse(attempt, why)
    const { state } = climber
    if (hub !== attempts.hub && state.phase === "climbing") {
      const healthy = attempts.healthy()
      // A hub answered, so this rung works, and worse rungs lead to the same server. A hub that started after our hub
      // was last heard is probably our hub after a restart: then asking again finds nobody who knows the session.
      // After a doubt, a first answer does not show that the rung works.
      if (!attempts.isWary) climber.trust(attempt)
      const asks = (healthy || !(ageMs < runtime.now() - attempts.aliveAt)) && strangers < UNKNOWN_RETRIES
      if (asks || healthy) {
        link.close(why)
        // It is another hub behind the same address. The next dial may reach the hub that knows the session.
        if (asks) climber.dial(attempt.rank)
        // Otherwise the current link leads to the hub that knows the session. A better rung that missed it does not
        // change that.
        strangers = asks ? strangers + 1 : 0
        return climber.advance()
      }
    }
    strangers = 0
    climber.restarted()
    attempts.dropAll(why)
    host.unlinked(why, 0)
    // Unless this is an HTTP link, the hub accepts another hello on it, which saves a new connection.
    const goesOn = state.phase === "climbing" && climber.state === state && !link.exchanges && !attempt.welcome
    if (!goesOn) link.close(why)
    if (climber.state.phase === "closed") return // a listener of `unlinked` may have closed the channel
    attempts.begin(host.reset(why))
    if (!goesOn) return climber.ask()
    climber.dial(attempt.rank, attempt)
    climber.advance()
  }

  function hangUp(why: Closing): void {
    const { current, session } = attempts
    // The ack tells the hub what has arrived, so that the hub does not count it as lost.
    const ack = current && session.owesAck ? `${session.acknowledgement(current.link)}\n` : ""
    current?.link.send(ack + writeBye(why))
    climber.shut(why)
  }

  function doubted(): void {
    const healthy = attempts.healthy()
    if (!healthy) return
    attempts.doubt(healthy)
    climber.ask()
  }

  return {
    get session() {
      return attempts.session
    },
    get current() {
      return attempts.current
    },
    explain: () => explain(host, attempts.incidents, attempts.current, climber.lastClosing, connections?.isCrowded()),
    open: climber.open,
    close(why) {
      const link = attempts.healthy()?.link
      hangUp(why)
      return attempts.leave(link, why)
    },
    nudge: climber.nudge,
    park(forEver) {
      if (climber.state.phase === "closed") return
      const why = closing("closed", "the page was put away", !forEver)
      if (forEver) {
        // First of all, and by a request without a link: the page may be gone in a moment.
        void attempts.leave(undefined, why)
        hangUp(why)
        return host.ended(why)
      }
      attempts.dropAll(why)
      climber.wait(Infinity)
    },
    doubted,
    answered() {
      const { current } = attempts
      if (!current?.doubted) return
      climber.trust(current)
      climber.advance()
    },
    control(link, packet) {
      if (kindOf(packet) === CREDENTIALS && attempts.session.settings.features?.includes(AUTH_REFRESH)) {
        // A link that has ended meanwhile forgets what is sent on it.
        return askCredentials(host.auth, "expiring", host.report, (json) => link.send(`${packet}\t${json}`))
      }
      for (const attempt of attempts.live) if (attempt.link === link) refused(attempt, readBye(packet))
    },
  }
}
