// @ts-check
import { create, element, show } from "./dom.mjs"

/** @typedef {import("../contract.ts").ProcessesReport} ProcessesReport */

const PAGE = "everwire-chat:page"
const LOOK_MS = 500

/** Shows which process has the link and which has the session, with a button for each process that kills it. */
export class Processes {
  /** How many there are. With one there is nothing to show. */
  #count = Number(document.documentElement.dataset["processes"] ?? 1)
  /** By this id the proxy knows the links of this page. A reload keeps it, as the session is kept. */
  #page = sessionStorage.getItem(PAGE) ?? Math.random().toString(36).slice(2)
  #transport
  #cut = /** @type {HTMLButtonElement} */ (element("cut")) // it is one in index.html
  #rows = Array.from({ length: this.#count }, (_, at) => this.#row(at + 1))
  /** @type {{ readonly number: number, isKilled: boolean } | undefined} */
  #keeper
  /** @type {ProcessesReport} */
  #report = { processes: [], carriers: {} }

  /** @param {() => string | undefined} transport that of the current link */
  constructor(transport) {
    this.#transport = transport
    if (this.#count === 1) return
    sessionStorage.setItem(PAGE, this.#page)
    element("processes").append(...this.#rows)
    element("processes-card").hidden = false
    this.#cut.addEventListener("click", () => void this.#ask({ cut: this.#page }))
    setInterval(() => void this.#ask(), LOOK_MS)
    void this.#ask()
  }

  /** Where the page's channel dials. */
  get path() {
    return this.#count === 1 ? "/everwire" : `/page-${this.#page}/everwire`
  }

  /** @param {number | undefined} keeper the process that has told the page of its new session */
  setKeeper(keeper) {
    this.#keeper = keeper === undefined ? undefined : { number: keeper, isKilled: false }
    this.show()
  }

  /** Shows what is known. */
  show() {
    if (this.#count === 1) return
    const transport = this.#transport()
    const carrier = this.#report.carriers[transport ?? ""]
    // A poll ends by itself, and the next one goes to the next process.
    this.#cut.disabled = carrier === undefined
    const others = isPolled(transport) ? "every process in turn" : "none now"
    show(element("carrier"), `carried by ${carrier === undefined ? others : `process ${carrier}`}`)
    show(element("carrier-note"), noteOf(transport))
    show(element("keeper"), this.#keptBy())
    for (const [at, row] of this.#rows.entries()) {
      const number = at + 1
      const runs = this.#report.processes[at]?.runs ?? true
      const has = [
        ...(carrier === number ? ["the link"] : []),
        ...(this.#keeper?.number === number && !this.#keeper.isKilled ? ["the session"] : []),
      ]
      const role = has.length > 0 ? `has ${has.join(" and ")}` : ""
      row.dataset["runs"] = String(runs)
      row.dataset["used"] = String(runs && has.length > 0)
      show(row.querySelector(".process-role"), runs ? role : "killed, a new one begins soon")
      const button = row.querySelector("button")
      if (button) button.disabled = !runs
    }
  }

  #keptBy() {
    if (this.#keeper === undefined) return "kept by none yet"
    const { number, isKilled } = this.#keeper
    return isKilled ? `gone, with process ${number}` : `kept by process ${number}`
  }

  /** @param {number} number */
  #row(number) {
    const row = create("li", "process")
    const kill = create("button", "quiet", "Kill")
    kill.setAttribute("type", "button")
    kill.setAttribute("aria-label", `Kill process ${number}`)
    kill.addEventListener("click", () => void this.#ask({ kill: number }))
    row.append(create("span", "process-name", `process ${number}`), create("span", "process-role"), kill)
    return row
  }

  /** @param {{ kill: number } | { cut: string }} [wish] a process to kill, or a page to cut. If absent, only asks. */
  async #ask(wish) {
    const headers = { "content-type": "application/json" }
    const keeper = this.#keeper
    try {
      const url = `/processes?page=${this.#page}`
      const answer = await fetch(url, wish && { method: "POST", headers, body: JSON.stringify(wish) })
      if (answer.ok) this.#report = await answer.json()
      // The new process of the same number has not the old one's sessions.
      if (keeper && this.#report.processes[keeper.number - 1]?.runs === false) keeper.isKilled = true
    } catch {
      // The server is unreachable: what it said last stays.
    }
    this.show()
  }
}

/** @param {string | undefined} transport */
function isPolled(transport) {
  return transport?.endsWith("-poll") ?? false
}

/** What is to be said of a transport of which one process does not carry all. @param {string | undefined} transport */
function noteOf(transport) {
  if (isPolled(transport)) return "Each poll is a request, and the proxy gives each to the next process."
  if (transport === "sse") return "It has the stream. What the page sends goes to every process in turn."
  return ""
}
