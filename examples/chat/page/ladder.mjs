// @ts-check
import { clock, element, show } from "./dom.mjs"
import { inWords } from "./incidents.mjs"

/** @typedef {import("../contract.ts").Positions} Positions */

/** The standing of a rung in a word or two, because there is little room next to the switch. */
const STANDING = {
  "in-use": "in use",
  unsupported: "not in this browser",
  broken: "held broken",
  failed: "did not work",
  fine: "works",
  crowded: "waits its turn",
  untried: "not tried",
}

const names = /** @type {const} */ (["websocket", "sse", "long-poll", "short-poll"])

/** The rungs of the ladder, the standing of each, and the switches that break them. */
export class Ladder {
  #rungs = new Map(names.map((name) => [/** @type {string} */ (name), this.#create(name)]))
  /** @type {Positions | undefined} */
  #positions

  constructor() {
    element("ladder").append(...this.#rungs.values())
    // The hub sends the positions too, but the hub may be unreachable, while the switches have their own requests.
    void this.#ask()
  }

  /** @param {Positions} positions */
  setPositions(positions) {
    this.#positions = positions
    for (const name of names) {
      const rung = this.#rungs.get(name)
      if (rung) rung.dataset["position"] = positions[name]
      const radio = rung?.querySelector(`input[value="${positions[name]}"]`)
      if (radio instanceof HTMLInputElement) radio.checked = true
    }
  }

  /** @param {readonly import("everwire").RungReport[]} reports */
  show(reports) {
    for (const { transport, standing, brokenUntil, last } of reports) {
      const rung = this.#rungs.get(transport)
      if (rung === undefined) continue
      rung.dataset["standing"] = standing
      show(rung.querySelector(".standing"), STANDING[standing])
      const until =
        brokenUntil === undefined ? "" : ` Not tried again before ${clock(brokenUntil)}, unless all others fail.`
      show(
        rung.querySelector(".rung-last"),
        last === undefined ? "" : `At ${clock(last.at)} it ${inWords(last)}.${until}`,
      )
    }
  }

  /** @param {keyof Positions} name */
  #create(name) {
    const template = /** @type {HTMLTemplateElement} */ (element("rung")) // it is one in index.html
    const rung = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true)) // it has one child
    rung.dataset["transport"] = name
    show(rung.querySelector(".rung-name"), name)
    show(rung.querySelector("legend"), `What the server does with ${name}`)
    for (const radio of rung.querySelectorAll("input")) {
      radio.name = `switch-${name}`
      radio.checked = radio.value === "fine"
      radio.addEventListener("change", () => void this.#ask({ transport: name, position: radio.value }))
    }
    return rung
  }

  /** @param {{ transport: string, position: string }} [wish] a switch to turn. If absent, only reads the positions. */
  async #ask(wish) {
    const headers = { "content-type": "application/json" }
    try {
      const answer = await fetch("/switch", wish && { method: "POST", headers, body: JSON.stringify(wish) })
      this.setPositions(await answer.json())
    } catch {
      // The server is unreachable: show the last known positions again.
      if (this.#positions) this.setPositions(this.#positions)
    }
  }
}
