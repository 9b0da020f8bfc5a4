// @ts-check
// One of the processes of `npm start -- --processes 2`: a hub that is one with the hubs of the others.

import { createServer } from "node:http"
import { cluster, processes } from "everwire/cluster"
import { createHub } from "everwire/node"
import { History } from "./history.mjs"
import { openRoom } from "./room.mjs"

/** @typedef {import("./contract.ts").Chat} Chat */

const backplane = processes()
const hub = /** @type {import("everwire/node").NodeHub<Chat>} */ (createHub({ cluster: cluster(backplane) }))

process.once("message", (message) => {
  const told = /** @type {import("./processes.mjs").Told} */ (message) // processes.mjs sends nothing else
  if ("began" in told) begin(told.began)
})

/** @param {{ number: number, positions: import("./contract.ts").Positions, history: readonly import("./contract.ts").Saying[] }} began */
function begin({ number, positions, history: sayings }) {
  const history = new History(sayings)
  const room = openRoom(hub, {
    process: number,
    positions: () => positions,
    history: {
      get all() {
        return history.all
      },
      add(saying) {
        history.add(saying)
        process.send?.({ saying })
      },
    },
  })

  process.on("message", (message) => {
    const told = /** @type {import("./processes.mjs").Told} */ (message) // as above
    if ("saying" in told) history.add(told.saying)
    else if ("positions" in told) {
      positions = told.positions
      hub.local.send("positions", positions)
    }
  })

  const server = createServer((request, response) => {
    hub.listener(request, response, () => void response.writeHead(404).end())
  })
  server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head) || socket.destroy())
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (typeof address === "object") process.send?.({ port: address?.port })
  })

  // A terminal's Ctrl+C reaches every process; the main one sends SIGTERM.
  process.on("SIGINT", () => {})
  process.once("SIGTERM", () => void end())
  // The main process was killed: without it there is no proxy and no cluster.
  process.once("disconnect", () => process.exit(0))

  async function end() {
    room.close()
    await hub.close({ drainMs: 500 })
    await backplane.close()
    process.exit(0)
  }
}
