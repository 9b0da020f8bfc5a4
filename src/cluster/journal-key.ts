/**
 * Where a journal of a hub is in the store. A hub whose journal another process has taken over, because it took the hub for
 * dead, begins a second one, and so on.
 */
export interface JournalKey {
  readonly hub: string
  /** The key whose value is the fence: who has the journal, and which logs it consists of. */
  readonly fence: string
}

/** The value of the fence. */
export interface JournalRange {
  /** The hub that has the journal now: the one that writes it, or one that takes its sessions over. */
  readonly owner: string
  /** The numbers of the logs. `first` 0: the sessions are in the owner's journal now. */
  readonly first: number
  readonly last: number
}

/** The value of the fence of a journal that was taken over wholly: the records of the sessions tell where they are. */
export const TAKEN = "taken"

/** @param generation 1 for the first journal of the hub */
export function journalKey(prefix: string, hub: string, generation: number): JournalKey {
  return { hub, fence: `${prefix}.journal.${hub}:${generation}` }
}

export function logOf({ fence }: JournalKey, number: number): string {
  return `${fence}.${number}`
}

export function writeRange({ owner, first, last }: JournalRange): string {
  return `${owner} ${first} ${last}`
}

export function readRange(value: string): JournalRange {
  const [owner = "", first, last] = value.split(" ")
  return { owner, first: Number(first), last: Number(last) }
}
