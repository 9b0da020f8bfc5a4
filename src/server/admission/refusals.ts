import type { Code } from "../../wire/errors.ts"

/** A client that the hub did not admit, or input that it did not accept. */
export interface Refusal {
  readonly code: Code
  /** One sentence for people. The client gets the same sentence, if the hub can still answer it. */
  readonly reason: string
  /**
   * What was refused: a `request` over HTTP before its hello was read (its origin, path or body), an `upgrade` to
   * WebSocket, a `hello` (or none came in time), the credentials by `authenticate` (or it did not answer in time),
   * input on the link of a `session`, or the `path` of a WebSocket at which the server has no hub (on Node, if nothing
   * else listens to upgrades).
   */
  readonly stage: "request" | "upgrade" | "path" | "hello" | "authenticate" | "session"
  /** The transport that was asked for. If the path names no transport of the hub, the text in its place. */
  readonly transport: string
  /** The client's address: that of the connection, or the one that a proxy trusted by `trustProxy` reports. */
  readonly address: string | undefined
  /** The `Origin` of the request. Undefined if there was none, and for the stage `session`. */
  readonly origin: string | undefined
}

/**
 * Refusals that belong to normal operation: a restart or deploy, a channel that comes too late, a channel that tries a
 * transport that the hub does not offer before it takes another (`refused`). They are not reported.
 */
const EXPECTED: ReadonlySet<string> = new Set<Code>([
  "misuse", // already reported through `onError`
  "refused",
  "hub-closing",
  "session-unknown",
  "session-taken",
  "session-expired",
  "link-unknown",
  "closed-by-peer",
  "closed",
])

/** What the owner of the hub can do about a refusal. */
const ADVICE: Partial<Readonly<Record<Code | "path", string>>> = {
  path: 'Give createChannel the hub\'s URL, or createHub that "path".',
  "origin-refused":
    'Add the page\'s origin to "origins", or its host to "hosts" where the page is the hub\'s own. Where a proxy in front changes the Host, set "trustProxy" to it, or let it keep the Host.',
  "over-capacity":
    'Raise "limits". Where all clients come through a proxy they share its address: set "trustProxy", and each has its own.',
  "too-large": 'Raise "maxPayloadBytes" if what was sent is yours. Credentials take up to 16 KiB.',
  "hello-timeout": "Give authenticate a deadline of its own below five seconds.",
  "version-unsupported": "Update the older side.",
}

/** The default report of refusals. It reports the first refusal of each code, so that one kind cannot fill the log. */
export class RefusalReport {
  readonly #reported = new Set<string>()
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  report({ code, reason, stage, transport, address, origin }: Refusal): void {
    const kind = stage === "path" ? stage : code
    if (EXPECTED.has(kind) || this.#reported.has(kind)) return
    // A link that breaks before its hello came needs no report.
    if (code === "hello-timeout" && stage === "hello") return
    this.#reported.add(kind)
    const page = origin === undefined ? "" : `, a page of ${oneLine(origin)}`
    this.#warn(
      `everwire: the hub refused somebody (${code}): ${oneLine(reason)} (${oneLine(transport)}, from ${address ?? "an unknown address"}${page}). ` +
        `${ADVICE[kind] ?? `docs/errors.md tells of ${code}.`} ` +
        "Further refusals with this code are not reported; hub.onRefused hears all of them.",
    )
  }
}

/** Makes a client's value short and printable, so that it cannot forge a line of the log. */
function oneLine(given: string): string {
  return given.replace(/[^ -~]/g, "?").slice(0, 200)
}
