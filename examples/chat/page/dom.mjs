// @ts-check

/**
 * An element of index.html.
 *
 * @param {string} id
 */
export function element(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`index.html has no #${id}`)
  return found
}

/**
 * An input of index.html.
 *
 * @param {string} id
 */
export function input(id) {
  return /** @type {HTMLInputElement} */ (element(id)) // every id that is asked for is an input's
}

/**
 * Sets a text that changed. One that did not is left alone, for the sake of selections and screen readers.
 *
 * @param {Element | null} target
 * @param {string} text
 */
export function show(target, text) {
  if (target && target.textContent !== text) target.textContent = text
}

/**
 * @param {keyof HTMLElementTagNameMap} name
 * @param {string} className
 * @param {string} [text]
 */
export function create(name, className, text = "") {
  const made = document.createElement(name)
  made.className = className
  made.textContent = text
  return made
}

/** @param {number} at milliseconds since the epoch */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], {
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  })
}
