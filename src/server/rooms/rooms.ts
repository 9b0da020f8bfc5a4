import { EverwireError } from "../../wire/errors.ts"

/**
 * @throws EverwireError `misuse` if `room` is not a string. A list instead of its items would silently reach nobody.
 */
export function checkRoom(room: unknown): void {
  if (typeof room === "string") return
  const given = Array.isArray(room) ? "a list, so write to(...rooms)" : typeof room
  throw new EverwireError("misuse", `a room is a string; given: ${given}`)
}

/** Which peers are in which room. A room exists while it has members. */
export class Rooms<Member> {
  readonly #members = new Map<string, Set<Member>>()
  readonly #mayJoin: (room: string, member: Member) => boolean

  constructor(mayJoin: (room: string, member: Member) => boolean = () => true) {
    this.#mayJoin = mayJoin
  }

  /** @throws EverwireError `forbidden` */
  checkJoin(room: string, member: Member): void {
    if (this.#mayJoin(room, member)) return
    throw new EverwireError("forbidden", `this peer may not join the room "${room}"`)
  }

  join(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (members === undefined) this.#members.set(room, new Set([member]))
    else members.add(member)
  }

  leave(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (members?.delete(member) && members.size === 0) this.#members.delete(room)
  }

  /** Members of a room, in the order in which they joined. */
  members(room: string): ReadonlySet<Member> {
    return this.#members.get(room) ?? NOBODY
  }
}

const NOBODY: ReadonlySet<never> = new Set()
