import { EverwireError } from "../../wire/errors.ts"
import { isIn, normalAddress, readNetworks } from "./address.ts"

/**
 * Which proxies in front are believed when they say, in `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto`,
 * for whom they ask. The values are those of Express's `trust proxy`:
 *
 * - `false`: none; the address is that of the connection.
 * - `true`: all; the leftmost address is the client's. Anybody who reaches the hub past the proxy may then claim any.
 * - a number: so many proxies stand between the hub and the internet.
 * - addresses, networks (`10.0.0.0/8`) and `loopback`, `linklocal`, `uniquelocal`, in a list or with commas between.
 * - a function: whether the proxy with this address, so many hops from the hub, is one of yours.
 */
export type TrustProxy = boolean | number | string | readonly string[] | ((address: string, hop: number) => boolean)

/** Whether what asks from this address, so many hops from the hub, is a proxy that is believed. */
export type Trust = (address: string, hop: number) => boolean

/** What a request, upgrade or not, tells about where it comes from. */
export interface Arrival {
  header(name: string): string | undefined
  /** Address of the other end of the connection. */
  readonly address?: string | undefined
  /** Whether the connection itself has TLS; undefined where that is not known. */
  readonly isSecure?: boolean | undefined
}

/** Where a request comes from and what it was sent to, as seen by the client. */
export interface Asked {
  readonly address: string | undefined
  readonly host: string | undefined
  /** Undefined where a proxy may have taken the TLS off and nobody says so. */
  readonly protocol: "http" | "https" | undefined
}

/**
 * The option as a function; undefined when no proxy is believed. What a function of the application's throws is told, and
 * nobody is believed.
 *
 * @throws EverwireError `misuse`
 */
export function readTrust(given: TrustProxy, failed: (error: unknown) => void = () => {}): Trust | undefined {
  if (given === false || given === 0) return undefined
  if (given === true) return () => true
  if (typeof given === "function") {
    return (address, hop) => {
      try {
        return given(address, hop) === true // the promise of an async one believes nobody
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

/** Who asked, and for what, as far as the proxies that are believed can tell. */
export function askedOf(request: Arrival, trust: Trust | undefined): Asked {
  const secure = request.isSecure === true ? "https" : undefined
  const direct: Asked = { address: request.address, host: request.header("host"), protocol: secure }
  if (trust === undefined) return direct
  const forwardedFor = listOf(request.header("x-forwarded-for"))
  let address = request.address === undefined ? "" : (normalAddress(request.address) ?? request.address)
  let hops = 0
  // From right to left: each proxy adds the address that asked it, and those on the left may be the client's invention.
  while (trust(address, hops)) {
    hops++
    const before = normalAddress(forwardedFor.pop() ?? "")
    if (before === undefined) break
    address = before
  }
  if (hops === 0) return direct
  const told = (name: string): string | undefined => {
    const values = listOf(request.header(name))
    // As many proxies may have added theirs as are believed; what stands left of those is the client's invention.
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
