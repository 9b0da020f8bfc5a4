import { type Dialer, type Link, type LinkSink, longPoll } from "everwire"
import { type Acceptor, longPollAcceptor } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { BYTES_TYPE, ENVELOPE_HEADER, TEXT_TYPE } from "../../../src/transports/http/envelope.ts"
import type { FetchAnswer, FetchInit, HttpExchange } from "../../../src/transports/transport.ts"
import type { Batch } from "../../../src/wire/batch.ts"
import { closing } from "../../../src/wire/errors.ts"
import type { Entry } from "./recording.ts"

/**
 * A simulated transport that records what passes at the channel's end, and on which either side can be replayed from a
 * recording.
 */
export interface Wire {
  readonly runtime: VirtualRuntime
  readonly acceptors: readonly Acceptor[]
  /**
   * The dialers of a channel that talks to the hub with these acceptors. `note` is called with each batch or end that
   * passes.
   */
  dialers(note: (entry: Omit<Entry, "atMs">) => void): readonly Dialer[]
  /** Replays the channel's entries to the hub with these acceptors. `said` is called with what the hub sends. */
  playChannel(said: (what: Batch) => void): (entry: Entry) => void
  /** The dialers of a channel whose hub is replayed. `said` is called with what the channel sends. */
  played(said: (what: Batch) => void): { dialers: readonly Dialer[]; act(entry: Entry): boolean }
}

export const isBatch = (what: Entry["what"]): what is Batch => typeof what === "string" || what instanceof Uint8Array

const BETTER_MS = 2_000
const CUT_MS = 9_000
const LATENCY_MS = 10

/**
 * One message is one batch, as on a WebSocket. A better transport becomes reachable after 2 s; all links are cut after
 * 9 s.
 */
export function websocketWire(): Wire {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const names = ["better", "websocket"]
  network.block("better")
  runtime.after(BETTER_MS, () => network.unblock("better"))
  runtime.after(CUT_MS, () => network.cut())
  return {
    runtime,
    acceptors: names.map((name) => network.acceptor(name)),
    dialers(note) {
      let dialed = 0
      return names.map((name) => {
        const dialer = network.dialer(name)
        return {
          ...dialer,
          dial(target, sink) {
            const on = `${name} ${++dialed}`
            const link = dialer.dial(target, {
              batch(batch) {
                note({ on, from: "hub", what: batch })
                sink.batch(batch)
              },
              closed(why) {
                note({ on, from: "hub", what: { closed: why.code } })
                sink.closed(why)
              },
              writable: () => sink.writable(),
            })
            return {
              name,
              get bufferedBytes() {
                return link.bufferedBytes
              },
              send(batch) {
                note({ on, from: "channel", what: batch })
                link.send(batch)
              },
              close(why) {
                note({ on, from: "channel", what: { closed: why.code } })
                link.close(why)
              },
            }
          },
        }
      })
    },
    playChannel(said) {
      const links = new Map<string, Link>()
      const sink: LinkSink = { batch: said, closed() {}, writable() {} }
      return ({ on, what }) => {
        const [name = ""] = on.split(" ")
        const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} }
        const link = links.get(on) ?? network.dialer(name).dial(target, sink)
        links.set(on, link)
        if (isBatch(what)) link.send(what)
        else link.close(closing("superseded", "not needed"))
      }
    },
    played(said) {
      const sinks = new Map<string, LinkSink>()
      return {
        dialers: names.map((name) => ({
          name,
          supported: () => true,
          dial(_target, sink) {
            sinks.set(`${name} ${sinks.size + 1}`, sink)
            return { name, bufferedBytes: 0, send: said, close() {} }
          },
        })),
        act({ on, what }) {
          const sink = sinks.get(on)
          if (isBatch(what)) sink?.batch(what)
          else sink?.closed(closing("network", "as recorded"))
          return sink !== undefined
        },
      }
    },
  }
}

/** Long-poll, recorded by the bodies of its requests and answers. After 9 s every open request breaks off once. */
export function longPollWire(): Wire {
  const runtime = createVirtualRuntime()
  let exchange: ((exchange: HttpExchange) => unknown) | undefined
  const acceptor = longPollAcceptor()
  /** Functions that break off the open requests. */
  const breaks = new Set<() => void>()
  runtime.after(CUT_MS, () => {
    for (const each of breaks) each()
  })
  const ask = (body: Batch, answered: (what: Entry["what"]) => void): void => {
    let isOver = false
    let aborted = (): void => {}
    const end = (what: Entry["what"]): void => {
      if (isOver) return
      isOver = true
      breaks.delete(cut)
      answered(what)
    }
    const cut = (): void => {
      end({ closed: "network" })
      aborted()
    }
    breaks.add(cut)
    // A request that carries no packets has no body; its envelope is in a header.
    const isEmpty = typeof body === "string" && !body.includes("\n")
    const type = typeof body === "string" ? TEXT_TYPE : BYTES_TYPE
    const headers: Record<string, string> = isEmpty ? { [ENVELOPE_HEADER]: body } : { "content-type": type }
    runtime.after(LATENCY_MS, () => {
      if (isOver) return
      void exchange?.({
        method: "POST",
        path: "/everwire/long-poll",
        query: () => undefined,
        header: (name) => headers[name],
        address: undefined,
        body: () => Promise.resolve(isEmpty ? new Uint8Array() : new Uint8Array(Buffer.from(body))),
        respond(status, _headers, answer = "") {
          runtime.after(LATENCY_MS, () => end(status === 200 ? answer : { closed: `${status} ${String(answer)}` }))
        },
        stream() {
          throw new Error("a long-poll is answered whole")
        },
        onAbort(run) {
          aborted = run
        },
      })
    })
  }
  /** A dialer that gives each body to `carry` and resolves its fetch with the answer that `carry` reports. */
  const dialer = (carry: (body: Batch, answered: (what: Entry["what"]) => void) => void): Dialer => {
    const fetch = (_url: string, { headers, body, signal }: FetchInit): Promise<FetchAnswer> =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")))
        carry(body ?? headers[ENVELOPE_HEADER] ?? "", (what) => {
          if (!isBatch(what)) return reject(new Error(what.closed))
          const type = typeof what === "string" ? TEXT_TYPE : BYTES_TYPE
          resolve({
            status: 200,
            headers: { get: (name) => (name === "content-type" ? type : null) },
            arrayBuffer: () => Promise.resolve(new Uint8Array(Buffer.from(what)).buffer),
          })
        })
      })
    return { ...longPoll, dial: (target, sink) => longPoll.dial({ ...target, platform: { fetch } }, sink) }
  }
  return {
    runtime,
    acceptors: [
      {
        name: "long-poll",
        open(door) {
          const open = acceptor.open(door)
          exchange = open.exchange?.bind(open)
          return open
        },
      },
    ],
    dialers(note) {
      let asked = 0
      return [
        dialer((body, answered) => {
          const on = `long-poll ${++asked}`
          note({ on, from: "channel", what: body })
          ask(body, (what) => {
            note({ on, from: "hub", what })
            answered(what)
          })
        }),
      ]
    },
    playChannel(said) {
      return ({ what }) => {
        if (isBatch(what)) ask(what, (answer) => isBatch(answer) && said(answer))
      }
    },
    played(said) {
      const waiting = new Map<string, (what: Entry["what"]) => void>()
      return {
        dialers: [
          dialer((body, answered) => {
            waiting.set(`long-poll ${waiting.size + 1}`, answered)
            said(body)
          }),
        ],
        act({ on, what }) {
          const answered = waiting.get(on)
          answered?.(what)
          return answered !== undefined
        },
      }
    },
  }
}
