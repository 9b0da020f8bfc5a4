import { callSafely } from "../kernel/call-safely.ts"
import { SPEAK_FLOOR_MS } from "../kernel/defaults.ts"

/** Where a channel remembers what works here. `localStorage` is one. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

/** What is known of this network, by hub origin. */
export interface Memory {
  /** Transports that failed here while another worked, and until when that is believed (milliseconds since the epoch). */
  broken: Record<string, number>
  /** The pulse that this network allows, where it was learned; in milliseconds. */
  speakMs?: number
  /** The hold that this network allows a long-poll, where it was learned; in milliseconds. */
  holdMs?: number
}

/** Reads what was remembered. Anything unreadable is as good as nothing. */
export function recall(store: Store | null | undefined, key: string): Memory {
  const memory: Memory = { broken: {} }
  const read = (text: unknown): void => {
    const { broken, speakMs, holdMs } = Object(JSON.parse(text as string)) as Record<string, unknown> // narrowed below
    for (const [name, until] of Object.entries(Object(broken)))
      if (typeof until === "number") memory.broken[name] = until
    if (isPulse(speakMs)) memory.speakMs = speakMs
    if (isPulse(holdMs)) memory.holdMs = holdMs
  }
  // A store that is forbidden (private windows) or holds something else: the network is learned anew.
  callSafely(() => store?.getItem(key), undefined, read)
  return memory
}

/** Remembers, as far as the store lets. */
export function remember(store: Store | null | undefined, key: string, memory: Memory): void {
  // Full or forbidden: the next page learns anew.
  callSafely(() => store?.setItem(key, JSON.stringify(memory)))
}

function isPulse(ms: unknown): ms is number {
  return Number.isSafeInteger(ms) && Number(ms) >= SPEAK_FLOOR_MS
}
