import { EverwireError } from "../../wire/errors.ts"

/**
 * @throws EverwireError `misuse` if `room` is not a string. A list instead of its items would silently reach nobody.
 */
export function checkRoom(room: unknown): void {
  if (typeof room === "string") return
  const given = Array.isArray(room) ? "a list, so write to(...rooms)" : typeof room
  throw new EverwireError("misuse", `a room is a string; given: ${given}`)
}

/** @throws EverwireError `misuse` as {@link checkRoom} */
export function checkRooms(rooms: readonly string[]): readonly string[] {
  for (const room of rooms) checkRoom(room)
  return rooms
}

/** Hears which rooms exist. */
export interface RoomsWatch {
  /** A room has its first member. */
  occupied(room: string): void
  /** A room has lost its last member. */
  vacated(room: string): void
}

/** Which peers are in which room. A room exists while it has members. */
export class Rooms<Member> {
  readonly #members = new Map<string, Set<Member>>()
  /** Whether `permitJoin` allows it. */
  readonly mayJoin: (room: string, member: Member) => boolean
  /** Set once, if the hub has a cluster. */
  watch: RoomsWatch | undefined

  constructor(mayJoin: (room: string, member: Member) => boolean = () => true) {
    this.mayJoin = mayJoin
  }

  /** @throws EverwireError `forbidden` */
  checkJoin(room: string, member: Member): void {
    if (this.mayJoin(room, member)) return
    throw new EverwireError("forbidden", `this peer may not join the room "${room}"`)
  }

  join(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (members !== undefined) return void members.add(member)
    this.#members.set(room, new Set([member]))
    this.watch?.occupied(room)
  }

  leave(room: string, member: Member): void {
    const members = this.#members.get(room)
    if (!members?.delete(member) || members.size > 0) return
    this.#members.delete(room)
    this.watch?.vacated(room)
  }

  /** Members of a room, in the order in which they joined. */
  members(room: string): ReadonlySet<Member> {
    return this.#members.get(room) ?? NOBODY
  }
}

const NOBODY: ReadonlySet<never> = new Set()
