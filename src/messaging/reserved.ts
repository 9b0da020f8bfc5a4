/**
 * Names that begin with this belong to everwire: `everwire:socket` for example. A contract neither has nor checks them. What
 * sends such messages checks them itself.
 */
const RESERVED = "everwire:"

export function isReserved(name: string): boolean {
  return name.startsWith(RESERVED)
}

/** Why a contract may not have this name. Apart, because the production build would number it, and the numbers after it grow. */
export function reservedName(name: string): string {
  return `names that begin with "${RESERVED}" are everwire's own; given: ${name}`
}
