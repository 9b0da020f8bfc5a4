/**
 * Names that begin with this belong to everwire: `everwire:socket` for example. A contract neither has nor checks them. What
 * sends such messages checks them itself.
 */
const RESERVED = "everwire:"

export function isReserved(name: string): boolean {
  return name.startsWith(RESERVED)
}
