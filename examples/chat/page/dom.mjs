// @ts-check

/**
 * Returns an element of index.html.
 *
 * @param {string} id
 */
export function element(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`index.html has no #${id}`)
  return found
}

/**
 * Returns an input of index.html.
 *
 * @param {string} id
 */
export function input(id) {
  return /** @type {HTMLInputElement} */ (element(id)) // all callers pass ids of inputs
}

/**
 * Sets a text if it has changed. An unchanged text is not set again: that would clear the user's selection and make
 * screen readers repeat it.
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
