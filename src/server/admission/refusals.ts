import type { Code } from "../../wire/errors.ts"

/** Somebody whom the hub did not let in, or something that it did not take. */
export interface Refusal {
  readonly code: Code
  /** One sentence for people. The other side is told the same where it can be told anything. */
  readonly reason: string
  /**
   * What was refused: a `request` over HTTP before its hello was read (its origin, its path, its body), an `upgrade` to
   * WebSocket, a `hello` (or none came), by `authenticate` (or it did not answer in time), what came on the link of a
   * `session`, or the `path` of a WebSocket at which no hub of its server is (on Node, where nobody else listens to
   * upgrades).
   */
  readonly stage: "request" | "upgrade" | "path" | "hello" | "authenticate" | "session"
  /** The transport that was asked for. In a request that no transport answers, whatever stood in its place. */
  readonly transport: string
  /** The client's address: that of the connection, or what a proxy that `trustProxy` names says. */
  readonly address: string | undefined
  /** The `Origin` of the request, where it had one and has not been let go yet. */
  readonly origin: string | undefined
}

/**
 * What belongs to the life of a hub: a restart, a deploy, a channel that comes too late, one that tries a transport which is
 * not offered here before it takes another (`refused`).
 */
const EXPECTED: ReadonlySet<string> = new Set<Code>([
  "misuse", // `onError` has heard of it
  "refused",
  "hub-closing",
  "session-unknown",
  "session-taken",
  "session-expired",
  "link-unknown",
  "closed-by-peer",
  "closed",
])

/** What the owner of a hub can do about it. */
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

/** The default report of refusals: the first of each code, so that a log tells of each kind and is not filled by one. */
export class RefusalReport {
  readonly #reported = new Set<string>()
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  report({ code, reason, stage, transport, address, origin }: Refusal): void {
    const kind = stage === "path" ? stage : code
    if (EXPECTED.has(kind) || this.#reported.has(kind)) return
    // A link that breaks before its hello has come is nobody's fault.
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

/** What a stranger gave must neither be long nor forge a line of the log. */
function oneLine(given: string): string {
  return given.replace(/[^ -~]/g, "?").slice(0, 200)
}
