/** An IPv6 address as eight groups of 16 bits. An IPv4 address is mapped into IPv6 (RFC 4291, section 2.5.5.2). */
type Groups = readonly number[]

/** A network: all addresses whose first `bits` bits are the same. */
export interface Network {
  readonly groups: Groups
  readonly bits: number
}

/** Express's names for networks, and the networks that they stand for. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
}

/**
 * Networks that are never routed on the internet. The last is from RFC 6598: providers and clouds use it internally.
 */
const PRIVATE = ["loopback", "linklocal", "uniquelocal", "100.64.0.0/10"].flatMap((name) => readNetworks(name) ?? [])

/**
 * A household or server gets an IPv6 network of 64 bits or shorter (RFC 6177), so addresses count by their first 4
 * groups.
 */
const IPV6_SITE_GROUPS = 4

/**
 * The networks that a text names: an address, an address with the length of its prefix or a netmask (`10.0.0.0/8`), or
 * `loopback`, `linklocal`, `uniquelocal`. Undefined if the text is none of these.
 */
export function readNetworks(given: string): Network[] | undefined {
  if (Object.hasOwn(NAMED, given)) return NAMED[given]?.flatMap((network) => readNetworks(network) ?? [])
  const [address = "", prefix, ...more] = given.split("/")
  const groups = readAddress(address)
  if (groups === undefined || more.length > 0) return undefined
  const before = address.includes(":") ? 0 : 96
  const bits = prefix === undefined ? 128 - before : readPrefix(prefix, before)
  return bits === undefined || bits < 1 || before + bits > 128 ? undefined : [{ groups, bits: before + bits }]
}

/** Whether an address is in one of these networks. False if the text is no address. */
export function isIn(address: string, networks: readonly Network[]): boolean {
  const groups = readAddress(address)
  return groups !== undefined && networks.some((network) => contains(network, groups))
}

/** Whether an address is of this machine or of a private network: then it is more likely a proxy's than a client's. */
export function isPrivate(address: string): boolean {
  return isIn(address, PRIVATE)
}

/**
 * Writes an address from `X-Forwarded-For`, perhaps with a port or in brackets, in one form. An IPv4 address mapped
 * into IPv6 becomes plain IPv4. Undefined if the text is no address (`unknown`, a name, a token).
 */
export function normalAddress(given: string): string | undefined {
  const [, bracketed, dotted] = /^(?:\[(.*)\](?::\d+)?|([\d.]+):\d+)$/.exec(given) ?? []
  const groups = readAddress(bracketed ?? dotted ?? given)
  return groups && writeAddress(groups)
}

/** The key by which sessions are counted: the address, or for IPv6 its /64 network, which is one household's. */
export function siteOf(address: string): string {
  const groups = readAddress(address)
  if (groups === undefined) return address
  return writeAddress(isMapped(groups) ? groups : groups.map((group, i) => (i < IPV6_SITE_GROUPS ? group : 0)))
}

function readAddress(given: string): Groups | undefined {
  const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(given)
  if (dotted !== null) {
    const [a = 256, b = 256, c = 256, d = 256] = dotted.slice(1).map(Number)
    return Math.max(a, b, c, d) > 255 ? undefined : [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d]
  }
  const [address = ""] = given.split("%") // after the "%": the network interface of a link-local address
  if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(address)) return undefined
  try {
    // The URL parser reads IPv6 and writes it in a normal form.
    const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
    const read = (groups = ""): number[] => (groups === "" ? [] : groups.split(":").map((group) => parseInt(group, 16)))
    const [before, after] = [read(head), read(tail)]
    return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  } catch {
    return undefined
  }
}

function writeAddress(groups: Groups): string {
  if (!isMapped(groups)) {
    return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1)
  }
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join(".")
}

function isMapped(groups: Groups): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
}

function contains({ groups, bits }: Network, address: Groups): boolean {
  return groups.every((group, i) => {
    const shift = 16 - Math.min(16, Math.max(0, bits - 16 * i))
    return group >> shift === (address[i] ?? 0) >> shift
  })
}

/** The length of a prefix: given as a number, or as an IPv4 netmask, of which it counts the leading ones. */
function readPrefix(prefix: string, before: number): number | undefined {
  if (/^\d{1,3}$/.test(prefix)) return Number(prefix)
  const mask = before > 0 && prefix.includes(".") ? readAddress(prefix) : undefined
  if (mask === undefined) return undefined
  const binary = mask
    .slice(6)
    .map((group) => group.toString(2).padStart(16, "0"))
    .join("")
  return /^1*0*$/.test(binary) ? binary.lastIndexOf("1") + 1 : undefined
}
