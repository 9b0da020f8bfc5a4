import type { Link } from "./link.ts"

/**
 * Wraps a link so that none of its members throws, because the transport may be the application's own code. A link that
 * throws counts as broken: each error goes to `broke`, which may therefore be called more than once.
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
  // This type makes the compiler demand every member of `Link`, also a new one. `keptBytes` is left out: only links on
  // a hub have it, and an application with a transport of its own has to bound those bytes itself.
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
