import { Channel } from "../../client/channel.ts"
import type { Contract } from "../../messaging/contract.ts"
import { Hub } from "../../server/hub.ts"
import { createNetwork } from "../memory-network.ts"
import type { Network } from "../network.ts"
import { createVirtualRuntime, type VirtualRuntime } from "../virtual-runtime.ts"
import type { Wire } from "../wire.ts"
import type { Application, World } from "./application.ts"
import type { ClusterMove } from "./cluster-plan.ts"
import { Dice } from "./dice.ts"
import type { Move } from "./moves.ts"
import type { Plan } from "./plan.ts"
import type { RunningChannel, RunningHub } from "./running.ts"
import { type JoinCluster, SimulatedCluster } from "./simulated-cluster.ts"

/** The hubs, the channels and the network between them. `do` makes a move. */
export class SimulatedWorld<C extends Contract<C>> implements World<C> {
  readonly seed: number
  readonly plan: Plan
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly application: Application<C>
  /** What joins the hubs. Undefined if each is alone. */
  readonly cluster: SimulatedCluster | undefined
  /** The hubs that listen now and do not drain. */
  listening: RunningHub<C>[] = []
  /** The hubs that hand their sessions over to others and then close. They get dials still. */
  draining: RunningHub<C>[] = []
  /** All hubs so far, in the order in which they started. */
  readonly everyHub: RunningHub<C>[] = []
  readonly everyChannel: RunningChannel<C>[] = []
  /** Number of sessions that hubs have begun. */
  sessions = 0
  calm = true
  /** Transports that a `cut-idle` move was made for. */
  readonly #cutIdle = new Set<string>()
  /** Cancellers of the timers that end a stall or a nap. */
  readonly #cancels: (() => void)[] = []

  constructor(seed: number, plan: Plan, application: Application<C>, join: JoinCluster | undefined) {
    const { latencyMs, jitterMs, windowBytes, limits, balanced } = plan
    this.seed = seed
    this.plan = plan
    this.application = application
    this.runtime = createVirtualRuntime({ seed })
    this.network = createNetwork({ runtime: this.runtime, latencyMs, jitterMs, windowBytes, limits, balanced })
    this.cluster = plan.cluster && join && new SimulatedCluster(this.runtime, plan.cluster, join)
    while (this.listening.length < plan.hubs) this.startHub()
    this.fill()
  }

  get hubs(): readonly Hub<C>[] {
    return this.#awake.map(({ hub }) => hub)
  }
  get processes(): readonly RunningHub<C>[] {
    return [...this.listening, ...this.draining]
  }
  /** The hubs that can be told to close. */
  get #awake(): readonly RunningHub<C>[] {
    return this.listening.filter(({ machine }) => !machine.asleep)
  }
  get steady(): boolean {
    return this.cluster?.isSteady !== false
  }
  get running(): readonly RunningChannel<C>[] {
    return this.everyChannel.filter(({ ended }) => ended === undefined)
  }
  get channels(): readonly Channel<C>[] {
    return this.running.map(({ channel }) => channel)
  }

  note(who: string, text: string): void {
    this.network.remark(who, text)
  }

  /** Makes a move. No time passes: the simulation makes `pass` moves itself. */
  do(move: Exclude<Move, { do: "pass" }>): void {
    const { network } = this
    if (move.do !== "act") {
      this.calm = false
      this.note("", `— ${Object.values(move).join(" ")} —`)
    }
    switch (move.do) {
      case "act":
        return this.#act(move.act, move.dice)
      case "jump":
        this.runtime.jump(move.ms)
        this.cluster?.disturb(0)
        // No timer has run meanwhile.
        for (const hub of this.everyHub) if (hub.endedAt !== undefined) hub.endedAt = this.runtime.now()
        return
      case "cut-link":
        return this.#wire(move.index)?.cut()
      case "freeze-link":
        return this.#wire(move.index)?.freeze()
      case "thaw-link":
        return this.#wire(move.index)?.thaw()
      case "half-open":
        return this.#wire(move.index)?.halfOpen(move.dead)
      case "silence":
        return this.#wire(move.index)?.silence(move.direction)
      case "block":
        return network.block(move.transport)
      case "black-hole":
        return network.blackHole(move.transport)
      case "hold-back":
        return network.holdBack(move.transport)
      case "mute":
        return network.holdBack(move.transport, 0)
      case "cut-idle":
        this.#cutIdle.add(move.transport)
        return network.cutIdle(move.transport, 5_000)
      case "cut-transport":
        return network.cut(move.transport)
      case "unblock":
        return network.unblock(move.transport)
      case "cut":
        return network.cut()
      case "offline":
        network.block()
        return network.cut()
      case "stall":
        network.freeze()
        return this.#later(move.ms, () => network.thaw())
      case "nap": {
        const { machine, own } = at(this.running, move.index) ?? {}
        for (const asleep of [machine, own]) asleep?.sleep()
        return this.#later(move.ms, () => [machine, own].forEach((asleep) => void asleep?.wake()))
      }
      case "heal":
        return network.heal()
      case "delay":
        return network.delay(move.latencyMs, move.jitterMs)
      case "throttle":
        return network.limit(move)
      case "retry":
        return at(this.running, move.index)?.channel.retry()
      case "start-hub":
        return this.listening.length < this.plan.hubs ? this.startHub() : undefined
      case "close-hub":
        return this.closeHub(at(this.#awake, move.index))
      case "crash-hub":
        return this.#crashHub(at(this.processes, move.index))
      case "restart-hub":
        this.closeHub(at(this.#awake, move.index))
        return this.startHub()
      case "replace-hub":
        this.#crashHub(at(this.listening, move.index))
        return this.startHub()
      case "cut-process":
      case "part":
      case "stop-bus":
      case "bus-delay":
      case "slow-store":
      case "pause-hub":
      case "drain-hub":
      case "roll-hub":
        if (this.cluster !== undefined) this.#doToCluster(this.cluster, move)
    }
  }

  #doToCluster(cluster: SimulatedCluster, move: ClusterMove): void {
    switch (move.do) {
      case "cut-process": {
        const process = at(this.processes, move.index)
        return process && this.#disturb(cluster, move.ms, cluster.cut(process.machine))
      }
      case "part": {
        const [one, other] = [at(this.processes, move.index), at(this.processes, move.other)]
        if (one === undefined || other === undefined) return
        return this.#disturb(cluster, move.ms, cluster.part(one.machine, other.machine))
      }
      case "stop-bus":
        return this.#disturb(cluster, move.ms, cluster.stop(move.empty))
      case "slow-store":
        return this.#disturb(cluster, move.ms, cluster.slowStore(move.storeMs))
      case "bus-delay":
        return cluster.delay(move.delayMs, move.jitterMs)
      case "pause-hub": {
        const { machine, own } = at(this.processes, move.index) ?? {}
        for (const asleep of [machine, own]) asleep?.sleep()
        return this.#disturb(cluster, move.ms, () => [machine, own].forEach((asleep) => void asleep?.wake()))
      }
      case "drain-hub":
        return this.closeHub(at(this.#awake, move.index), move.drainMs)
      case "roll-hub":
        this.closeHub(at(this.#awake, move.index), move.drainMs)
        return this.startHub()
    }
  }

  #disturb(cluster: SimulatedCluster, ms: number, end: () => void): void {
    cluster.disturb(ms)
    this.#later(ms, end)
  }

  /** Starts a new channel for each that has closed. */
  fill(): void {
    for (let missing = this.plan.channels - this.running.length; missing > 0; missing--) this.#startChannel()
  }

  /**
   * Ends all faults and gives the network its first limits again. If the plan names one transport in `mended`, only
   * that one is unblocked and the others keep their obstacles.
   */
  mend(): void {
    const { transports, mended, limits } = this.plan
    this.note("", "— no more faults —")
    for (const cancel of this.#cancels) cancel()
    this.network.limit(limits)
    for (const name of transports) {
      // A limit on idle links is always removed: with a short `resumeMs` its cuts would end sessions again and again.
      if (mended === undefined || name === mended || this.#cutIdle.has(name)) this.network.unblock(name)
    }
    for (const wire of this.network.wires) wire.thaw()
    this.network.thaw()
    this.cluster?.mend()
    for (const { machine, own } of this.processes) for (const asleep of [machine, own]) asleep.wake()
    while (this.listening.length < this.plan.hubs) this.startHub()
    for (const { machine, own } of this.running) for (const asleep of [machine, own]) asleep.wake()
    if (!this.plan.tidy || this.calm) return
    for (const wire of this.network.wires) if (wire.broken) wire.cut()
  }

  startHub(): void {
    const { plan, application } = this
    const { resumeMs, heartbeatMs, heartbeatTimeoutMs, maxOutboxBytes } = plan
    const aheadMs = this.cluster?.aheadMs()
    const machine = this.runtime.machine(aheadMs)
    const cluster = this.cluster?.open(machine)
    const hub = new Hub<C>(
      {
        resumeMs,
        heartbeatMs,
        heartbeatTimeoutMs,
        maxOutboxBytes,
        cluster,
        ...application.hubOptions,
        runtime: machine,
      },
      plan.transports.map((name) => this.network.acceptor(name)),
    )
    const own = this.runtime.machine(aheadMs)
    const name = `hub ${this.everyHub.length + 1}`
    const startedAt = this.runtime.now()
    const running: RunningHub<C> = {
      name,
      hub,
      machine,
      own,
      startedAt,
      endedAt: undefined,
      drain: undefined,
      cutOff: [],
    }
    hub.onError((error, { stage }) => {
      // A request handler may throw: that is how it rejects a request. And a store that is away may be reported.
      const { code } = Object(error) as { code?: unknown }
      const isStore = !this.steady && (code === "backplane-unavailable" || code === "timeout")
      if (stage !== "request" && !isStore) machine.report(error)
    })
    hub.onPeer((peer, { moved }) => {
      if (!moved) this.sessions++
      this.note(running.name, `has ${moved ? "taken over" : "a new peer,"} ${peer.id}`)
      peer.onClose(({ code, undelivered }) => {
        this.note(running.name, `has lost ${peer.id}: ${code}, ${undelivered} undelivered`)
        if (code === "hub-closing" && this.steady) running.cutOff.push(peer.id)
      })
    })
    this.listening.push(running)
    this.everyHub.push(running)
    this.note(running.name, "listens")
    application.hub?.(hub, own, this)
  }

  /** Shuts a hub down as a deploy does it, at once or after a time to drain. */
  closeHub(closing: RunningHub<C> | undefined, drainMs = 0): void {
    if (closing === undefined) return
    this.note(closing.name, "closes")
    this.listening = this.listening.filter((hub) => hub !== closing)
    const closed = closing.hub.close({ drainMs })
    if (drainMs === 0) return this.#closed(closing)
    closing.drain = { since: this.runtime.now(), drainMs, wasSteady: this.steady }
    this.draining.push(closing)
    void closed.then(() => this.#closed(closing))
  }

  #closed(closed: RunningHub<C>): void {
    this.draining = this.draining.filter((hub) => hub !== closed)
    closed.own.halt()
    closed.endedAt = this.runtime.now()
    this.cluster?.closed(closed.machine)
  }

  /** A hub's process dies; the operating system resets its connections. */
  #crashHub(crashing: RunningHub<C> | undefined): void {
    if (crashing === undefined) return
    this.note(crashing.name, "crashes")
    this.listening = this.listening.filter((hub) => hub !== crashing)
    this.draining = this.draining.filter((hub) => hub !== crashing)
    for (const machine of [crashing.machine, crashing.own]) machine.halt()
    crashing.endedAt = this.runtime.now()
    this.network.crash(crashing.machine)
    this.cluster?.crashed(crashing.machine)
  }

  #startChannel(): void {
    const { plan, application } = this
    const { onReset, maxOutboxBytes, quickReprobes } = plan
    const machine = this.runtime.machine()
    const channel = new Channel<C>(
      "http://hub",
      {
        resend: onReset === "resend",
        maxOutboxBytes,
        store: null,
        ...(quickReprobes && { reprobeMs: QUICK_REPROBE_MS }),
        ...application.channelOptions,
        runtime: machine,
      },
      plan.transports.map((name) => this.network.dialer(name, { streamed: name === "sse" })),
    )
    const running: RunningChannel<C> = {
      name: `channel ${this.everyChannel.length + 1}`,
      channel,
      machine,
      own: this.runtime.machine(),
      ended: undefined,
      openAt: undefined,
      gaveUp: false,
      peer: undefined,
    }
    channel.onError((error, stage) => {
      // With a small outbox there may be no room for an answer. Then `buffer-full` is the right report, and no fault.
      const isFull = stage === "request" && (error as { code?: unknown } | null)?.code === "buffer-full"
      if (!isFull) machine.report(error)
    })
    channel.onStatus((status, { transport, closing }) => {
      if (status === "closed") {
        running.ended = closing
        running.own.halt()
      }
      if (closing?.code === "session-unknown" && running.openAt !== undefined) running.gaveUp ||= this.#works(channel)
      if (status === "open") running.peer = channel.peerId
      running.openAt = status === "open" ? this.runtime.now() : undefined
      this.note(running.name, `is ${status} ${transport ?? closing?.code ?? ""}`)
    })
    channel.onReset(({ closing, messages }) => {
      if (this.cluster?.isSteady === true && this.#has(running.peer)) running.gaveUp = true
      this.note(running.name, `is reset: ${closing.code}, ${messages.length} messages uncertain`)
    })
    this.everyChannel.push(running)
    // On a slow network channels wait for each other's bytes, and for bytes to a channel that has left. That may look
    // like a fault to them, so the checks of a calm world no longer apply.
    if (plan.limits !== undefined && this.everyChannel.length > 1) this.calm = false
    application.channel?.(channel, running.own, this)
  }

  /** Whether a process that runs has this peer. */
  #has(peer: string | undefined): boolean {
    return peer !== undefined && this.processes.some(({ hub, machine }) => !machine.asleep && hub.peers.has(peer))
  }

  /** Runs `run` after `ms` milliseconds, unless `mend` ends all faults earlier. */
  #later(ms: number, run: () => void): void {
    this.#cancels.push(this.runtime.after(ms, run))
  }

  /** Whether a channel's link works: the hub's peer is connected, and the channel does not doubt the link. */
  #works(channel: Channel<C>): boolean {
    const peer = this.hubs.map(({ peers }) => peers.get(channel.peerId ?? "")).find((found) => found !== undefined)
    const last = channel.explain().incidents.findLast(({ what }) => what === "took-over" || what === "doubted")
    return peer?.connected === true && last?.what === "took-over"
  }

  #act(name: string, dice: number): void {
    const act = this.application.acts[name]
    if (act === undefined) throw new Error(`the application has no act called "${name}"`)
    act(this, new Dice(dice).random)
  }

  #wire(index: number): Wire | undefined {
    return at(this.network.wires, index)
  }
}

const QUICK_REPROBE_MS = [500, 4_000]

/** The value at this index modulo the number of values; undefined when there is none. */
function at<Value>(values: readonly Value[], index: number): Value | undefined {
  return values[index % values.length]
}
