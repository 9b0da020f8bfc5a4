import { EverwireError } from "../../wire/errors.ts"
import { isIn, normalAddress, readNetworks } from "./address.ts"

/**
 * Which proxies in front of the hub it trusts to report the client's address, host and protocol, in `X-Forwarded-For`,
 * `X-Forwarded-Host` and `X-Forwarded-Proto`. The values are those of Express's `trust proxy`:
 *
 * - `false`: none; the address is that of the connection.
 * - `true`: all; the leftmost address is the client's. A client that reaches the hub without the proxy can then claim
 * any address.
 * - a number: how many proxies stand between the hub and the internet.
 * - addresses, networks (`10.0.0.0/8`) and `loopback`, `linklocal`, `uniquelocal`, in a list or separated by commas.
 * - a function: gets an address and its number of hops from the hub, and returns whether it is one of your proxies.
 */
export type TrustProxy = boolean | number | string | readonly string[] | ((address: string, hop: number) => boolean)

/** Whether the sender at this address, this many hops from the hub, is a trusted proxy. */
export type Trust = (address: string, hop: number) => boolean

/** What the hub knows about where a request comes from, whether it is an upgrade or not. */
export interface Arrival {
  header(name: string): string | undefined
  /** Address of the other end of the connection. */
  readonly address?: string | undefined
  /** Whether the connection itself has TLS; undefined where that is not known. */
  readonly isSecure?: boolean | undefined
}

/** The client's address, and the host and protocol to which it sent the request. */
export interface Asked {
  readonly address: string | undefined
  readonly host: string | undefined
  /** Undefined if a proxy may have terminated TLS and no trusted proxy reports the protocol. */
  readonly protocol: "http" | "https" | undefined
}

/**
 * The option as a function; undefined if no proxy is trusted. If the application's own function throws, `failed` gets
 * the error and the proxy is not trusted.
 *
 * @throws EverwireError `misuse`
 */
export function readTrust(given: TrustProxy, failed: (error: unknown) => void = () => {}): Trust | undefined {
  if (given === false || given === 0) return undefined
  if (given === true) return () => true
  if (typeof given === "function") {
    return (address, hop) => {
      try {
        return given(address, hop) === true // so the promise of an async function trusts no proxy
      } catch (error) {
        failed(error)
        return false
      }
    }
  }
  if (typeof given === "number") {
    if (Number.isSafeInteger(given) && given > 0) return (_, hop) => hop < given
    throw misuse(`${given} is no number of proxies`)
  }
  const names = typeof given === "string" ? given.split(",") : Array.isArray(given) ? given : undefined
  if (names === undefined) throw misuse(`given: ${String(given)}`)
  const networks = names.flatMap((name: unknown) => {
    const read = typeof name === "string" ? readNetworks(name.trim()) : undefined
    if (read === undefined) throw misuse(`"${String(name)}" is no address, no network and none of these names`)
    return read
  })
  return (address) => isIn(address, networks)
}

/** The client's address, host and protocol, as far as trusted proxies report them. */
export function askedOf(request: Arrival, trust: Trust | undefined): Asked {
  const secure = request.isSecure === true ? "https" : undefined
  const direct: Asked = { address: request.address, host: request.header("host"), protocol: secure }
  if (trust === undefined) return direct
  const forwardedFor = listOf(request.header("x-forwarded-for"))
  let address = request.address === undefined ? "" : (normalAddress(request.address) ?? request.address)
  let hops = 0
  // From right to left: each proxy appends the address of its sender; the client may have made up those on the left.
  while (trust(address, hops)) {
    hops++
    const before = normalAddress(forwardedFor.pop() ?? "")
    if (before === undefined) break
    address = before
  }
  if (hops === 0) return direct
  const told = (name: string): string | undefined => {
    const values = listOf(request.header(name))
    // Each trusted proxy may have appended a value. The client may have made up the values to the left of those.
    return values[Math.max(0, values.length - hops)] || undefined
  }
  const protocol = told("x-forwarded-proto")?.toLowerCase().replace(/^ws/, "http")
  return {
    address: address || undefined,
    host: told("x-forwarded-host") ?? direct.host,
    protocol: protocol === "http" || protocol === "https" ? protocol : secure,
  }
}

function listOf(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(",").map((value) => value.trim())
}

function misuse(what: string): EverwireError {
  return new EverwireError(
    "misuse",
    `trustProxy is true, false, how many proxies are in front, or their addresses, networks ("10.0.0.0/8") and ` +
      `"loopback", "linklocal", "uniquelocal"; ${what}`,
  )
}
