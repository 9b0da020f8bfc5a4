import type { Link } from "../kernel/link.ts"

/** A link of a transport that may be the application's own. Where it throws, which `broke` is told, it gives `undefined`. */
export function guardLink(link: Link, broke: (error: unknown) => void): Link {
  const guard = (call: () => unknown): unknown => {
    try {
      return call()
    } catch (error) {
      broke(error)
      return undefined
    }
  }
  return new Proxy(link, {
    get: (_, key) =>
      guard(() => {
        const member: unknown = Reflect.get(link, key)
        return typeof member === "function" ? (...given: unknown[]) => guard(() => member.apply(link, given)) : member
      }),
  })
}
