type Handler = ((event: Event) => unknown) | null

/**
 * Gives a prototype the attributes `onopen`, `onmessage`, `onerror` and `onclose` of the HTML standard. One that is set
 * keeps its place among the listeners when it is replaced; what is no function removes it.
 */
export function defineHandlers(prototype: EventTarget): void {
  for (const type of ["open", "message", "error", "close"]) {
    const handlers = new WeakMap<EventTarget, { now: Handler; listener: (event: Event) => void }>()
    Object.defineProperty(prototype, `on${type}`, {
      enumerable: true,
      configurable: true,
      get(this: EventTarget): Handler {
        return handlers.get(this)?.now ?? null
      },
      set(this: EventTarget, given: unknown) {
        const now = typeof given === "function" ? (given as Handler) : null // no other type can be asked of a function here
        const set = handlers.get(this)
        if (set && now) set.now = now
        else if (set) {
          this.removeEventListener(type, set.listener)
          handlers.delete(this)
        } else if (now) {
          const entry = { now: now as Handler, listener: (event: Event) => void entry.now?.call(this, event) }
          handlers.set(this, entry)
          this.addEventListener(type, entry.listener)
        }
      },
    })
  }
}
