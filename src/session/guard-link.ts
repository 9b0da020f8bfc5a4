import type { Link } from "./link.ts"

/**
 * A link of a transport that may be the application's own. Nothing of a link may throw: one that does is as good as broken,
 * which `broke` is told, perhaps more than once.
 */
export function guardLink(link: Link, broke: (error: unknown) => void): Link {
  const guard = <Result>(call: () => Result): Result | undefined => {
    try {
      return call()
    } catch (error) {
      broke(error)
      return undefined
    }
  }
  const { name, exchanges = false } = link
  // Every member is named here, so that the compiler tells of one that is new in `Link`. What a link of the application's own
  // keeps beside `bufferedBytes` is the application's to bound.
  const guarded: { readonly [Member in keyof Omit<Required<Link>, "keptBytes">]: Link[Member] } = {
    name,
    exchanges,
    abandon: link.abandon && (() => guard(() => link.abandon?.())),
    get told() {
      return guard(() => link.told)
    },
    get reached() {
      return guard(() => link.reached)
    },
    get wasGivenUp() {
      return guard(() => link.wasGivenUp)
    },
    get bufferedBytes() {
      return guard(() => link.bufferedBytes) || 0
    },
    get asked() {
      return guard(() => link.asked)
    },
    send: (batch) => guard(() => link.send(batch)),
    close: (why) => guard(() => link.close(why)),
  }
  return guarded
}
