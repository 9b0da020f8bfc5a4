import type { Cluster, ClusterHost, OpenCluster } from "../server/cluster.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Closing } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { CLAIM_MS, Claims } from "./claims.ts"
import { Courier } from "./courier.ts"
import { HandOver } from "./hand-over.ts"
import { Heirs } from "./heirs.ts"
import { Journal } from "./journal.ts"
import { Links, takeStrand } from "./links.ts"
import { Members } from "./members.ts"
import { Neighbours } from "./neighbours.ts"
import { type ClusterOptions, readPrefix } from "./prefix.ts"
import { roomTopics } from "./room-topics.ts"
import { RoomsAcross } from "./rooms-across.ts"

/** How long this process waits before it tries again to join the others, in milliseconds. */
export const REJOIN_MS = 1_000

/**
 * Joins the hub with those of other processes that have the same backplane and prefix. Then any process may answer any
 * request of any channel, whichever of them has the session: no balancer has to be sticky.
 *
 * @throws EverwireError `misuse` on an unknown option or a prefix that no topic can have
 * @example
 * const hub = createHub({ cluster: cluster(backplane) })
 */
export function cluster(backplane: Backplane, options: ClusterOptions = {}): Cluster {
  const prefix = readPrefix("cluster", backplane, options)
  return { isCluster: true, open: (host) => openCluster(backplane, prefix, host) }
}

function openCluster(backplane: Backplane, prefix: string, host: ClusterHost): OpenCluster {
  const { hub, clockwork, runtime } = host
  // The application may close the backplane as soon as the hub has closed. What was asked of it before rejects then.
  const failed = (error: unknown): void => {
    if (isOpen) host.failed(error)
  }
  // It throws when it was closed before the hub.
  const publish = (to: string, data: Uint8Array): void => callSafely(() => backplane.publish(to, data), failed)
  const topicOf = (to: string): string => `${prefix}.to.${to}`
  const topic = `${prefix}.hubs`
  let isOpen = true
  let resolveJoined = (): void => {}
  const joined = new Promise<void>((resolve) => {
    resolveJoined = resolve
  })

  const members: Members = new Members({
    publish,
    clockwork,
    hub,
    topic,
    gone: (other) => {
      neighbours.forget(other)
      peers.gone(other)
      heirs?.gone(other)
    },
    failed,
  })
  const courier: Courier = new Courier({
    publish,
    clockwork,
    hub,
    topicOf,
    hear: (from, messages) => {
      members.seen(from)
      for (const message of messages) callSafely(() => neighbours.hear(from, message), failed)
    },
    lost: (from, number) => neighbours.lost(from, number),
    overflowed: (to) => neighbours.loseAll(to),
    failed,
  })
  const neighbours: Neighbours = new Neighbours(courier, (_from, what, args, line) =>
    takeStrand(host, moves, what, args, line),
  )
  const peers: RoomsAcross = new RoomsAcross({
    backplane,
    publish,
    clockwork,
    hub,
    topics: roomTopics(prefix),
    members,
    joined,
    peers: host.peers,
    failed,
  })
  const keyOf = (session: string): string => `${prefix}.session.${session}`
  const after = (delayMs: number, run: () => void): (() => void) => runtime.after(delayMs, run)
  const ttlMs = host.resumeMs + CLAIM_MS
  const journal = host.isDurable ? new Journal({ backplane, runtime, prefix, hub, ttlMs, failed }) : undefined
  const heirs =
    journal &&
    new Heirs({
      backplane,
      members,
      journal,
      runtime,
      hub,
      prefix,
      ttlMs,
      take: (moved) => host.takeOver(moved),
      has: (session) => host.has(session),
      isLeaving: () => host.closing() !== undefined,
      keyOf,
      failed,
    })
  const claims: Claims = new Claims({
    backplane,
    members,
    hub,
    keyOf,
    after,
    joined,
    movedTo: (session) => moves.movedTo(session),
    arrival: (session) => moves.arrival(session),
    isSettled: heirs && ((gone) => heirs.isSettled(gone)),
    failed,
  })
  const moves: HandOver = new HandOver({
    backplane,
    members,
    neighbours,
    claims,
    peers,
    journal,
    hub,
    resumeMs: host.resumeMs,
    take: (moved) => host.takeOver(moved),
    keyOf,
    after,
    failed,
  })

  const connected = (isConnected: boolean): void => {
    courier.connected(isConnected)
    members.connected(isConnected)
    peers.connected(isConnected)
    host.connected(isConnected)
  }
  courier.connected(false)
  const ends: (() => void)[] = []
  const join = async (): Promise<void> => {
    let isConnected = true
    ends.push(
      backplane.onConnected((now) => {
        isConnected = now
        if (members.hasJoined) connected(now)
      }),
    )
    ends.push(await backplane.subscribe(topicOf(hub), (data) => isOpen && courier.take(data)))
    ends.push(await peers.open())
    ends.push(await backplane.subscribe(topic, (data) => isOpen && members.take(data)))
    if (!isOpen) return leave()
    const takeBack = backplane.will?.(topic, members.goodbye)
    if (takeBack !== undefined) ends.push(takeBack)
    connected(isConnected)
    if (!isConnected) members.hasJoined = true
    resolveJoined()
  }
  const leave = (): void => {
    for (const end of ends.splice(0)) end()
  }
  const tryToJoin = (): void => {
    join().catch((error: unknown) => {
      leave()
      failed(error)
      if (isOpen) runtime.after(REJOIN_MS, tryToJoin)
    })
  }
  tryToJoin()
  journal?.open()

  return {
    journal,
    links: new Links({ hub, clockwork, members, neighbours, claims, moves, isDurable: host.isDurable, failed }),
    peers,
    moves,
    close(why: Closing) {
      if (!isOpen) return
      moves.close()
      heirs?.close()
      neighbours.close(why)
      // What the sessions said last goes before the goodbye, after which the others hear nothing of this process.
      courier.close()
      peers.close()
      members.close()
      isOpen = false
      claims.close()
      leave()
    },
  }
}
