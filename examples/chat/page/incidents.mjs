// @ts-check
import { clock, create, element } from "./dom.mjs"

/** @typedef {import("everwire").Incident} Incident */

/** The list of incidents of all transports, newest first. */
export class Incidents {
  #list = element("incidents")
  /** @type {Incident | undefined} */
  #newest

  /** @param {readonly Incident[]} incidents oldest first */
  show(incidents) {
    if (incidents.at(-1) === this.#newest) return
    this.#newest = incidents.at(-1)
    this.#list.replaceChildren(...incidents.toReversed().map(line))
  }
}

/** Describes an incident. The page puts the transport's name before it. @param {Incident} incident */
export function inWords({ what, ageMs, closing }) {
  switch (what) {
    case "dialed":
      return "was dialed"
    case "welcomed":
      return `was welcomed after ${ageMs} ms`
    case "took-over":
      return "took over the talk"
    case "proved":
      return "let a stream through"
    case "doubted":
      return "did not answer in time"
    case "let-go":
      return "was let go, because another one carries the talk"
    case "closed":
      return `was closed: ${closing?.reason ?? "no reason was given"}`
  }
}

/** @param {Incident} incident */
function line(incident) {
  const item = create("li", "incident")
  item.dataset["transport"] = incident.transport
  item.dataset["what"] = incident.what
  item.append(
    create("time", "incident-time", clock(incident.at)),
    create("span", "incident-wire", incident.transport),
    create("span", "incident-what", inWords(incident)),
  )
  return item
}
