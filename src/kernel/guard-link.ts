import type { Link } from "./link.ts"

/**
 * A link of a transport that may be the application's own. Nothing of a link may throw: one that does is as good as broken,
 * which `broke` is told, perhaps more than once.
 */
export function guardLink(link: Link, broke: (error: unknown) => void): Link {
  const guard = (call: () => unknown): unknown => {
    try {
      return call()
    } catch (error) {
      return broke(error)
    }
  }
  const get = (_: unknown, member: keyof Link): unknown =>
    guard(() => {
      const value = link[member]
      return typeof value === "function" ? (given: never) => guard(() => value.call(link, given)) : value
    })
  return new Proxy<Link>({} as Link, { get }) // answers as the link does
}
