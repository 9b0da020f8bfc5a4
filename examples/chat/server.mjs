// @ts-check
// `npm start`: a hub with a chat room, and a page with switches that break the transports under it.
// `npm start -- --processes 2`: the same with a hub in each of so many processes, of which any answers any request.

import { parseArgs } from "node:util"
import { EverwireError } from "everwire"
import { createHub } from "everwire/node"
import { serveFront } from "./front.mjs"
import { History } from "./history.mjs"
import { startProcesses } from "./processes.mjs"
import { openRoom } from "./room.mjs"
import { Switches } from "./switches.mjs"

/** @typedef {import("./contract.ts").Chat} Chat */

/** How many processes there may be. */
const MOST = 16

try {
  const processes = readProcesses()
  await (processes === 1 ? startAlone() : startProcesses(processes))
} catch (error) {
  if (!(error instanceof EverwireError)) throw error
  console.error(`everwire chat could not start: ${error.code}: ${error.message}`)
  process.exitCode = 64
}

async function startAlone() {
  const switches = new Switches()
  const hub = /** @type {import("everwire/node").NodeHub<Chat>} */ (createHub())
  const room = openRoom(hub, { positions: () => switches.positions, history: new History() })
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      room.close()
      void hub.close({ drainMs: 500 }).then(() => process.exit(0))
    })
  }
  await serveFront(switches, {
    processes: 1,
    request: (request, response, otherwise) => hub.listener(request, response, otherwise),
    upgrade: (request, socket, head) => void (hub.handleUpgrade(request, socket, head) || socket.destroy()),
    turned: (positions) => hub.send("positions", positions),
  })
}

/**
 * How many processes the command line wants. One if it does not say.
 *
 * @throws EverwireError `misuse` on another option, and on a number that cannot be
 */
function readProcesses() {
  const given = readOption()
  if (given === undefined) return 1
  const processes = Number(given)
  if (/^\d+$/.test(given) && processes >= 2 && processes <= MOST) return processes
  throw new EverwireError("misuse", `--processes is a whole number from 2 to ${MOST}; given: ${given}`)
}

function readOption() {
  try {
    return parseArgs({ options: { processes: { type: "string" } } }).values.processes
  } catch (cause) {
    throw new EverwireError("misuse", "the one option is --processes, with a whole number", { cause })
  }
}
