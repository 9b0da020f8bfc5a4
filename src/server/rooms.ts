/** Who is in which room. A room exists while somebody is in it. */
export class Rooms<Member> {
  readonly #members = new Map<string, Set<Member>>()

  join(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (members === undefined) this.#members.set(room, new Set([member]))
    else members.add(member)
  }

  leave(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (members?.delete(member) && members.size === 0) this.#members.delete(room)
  }

  /** Members of a room, in the order they joined. */
  members(room: string): ReadonlySet<Member> {
    return this.#members.get(room) ?? NOBODY
  }
}

const NOBODY: ReadonlySet<never> = new Set()
