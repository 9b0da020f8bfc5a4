// Sockets are objects of the process that has them. When a session moves to another process, they end.

import { createWebSocketClass } from "everwire/socket"
import { createWebSocketServer } from "everwire/socket-server"
import { expect, it } from "vitest"
import { createWorld } from "../cluster/support.ts"
import { logOf } from "./sockets.ts"

it("a session that moves to another process loses its sockets, and new ones open there", async () => {
  const world = await createWorld(2)
  const accepted = world.processes.map(({ hub }) => {
    const server = createWebSocketServer(hub)
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(String(data))))
    return server.clients
  })
  const sizes = (): number[] => accepted.map(({ size }) => size)
  world.reach(0)
  const channel = world.dial()
  const resets: unknown[] = []
  channel.onReset((reset) => resets.push(reset))
  const WebSocket = createWebSocketClass(channel)
  const logs = [1, 2].map((n) => logOf(new WebSocket(`ws://host/${n}`)))
  await world.runtime.pass(1_000)
  expect(sizes()).toEqual([2, 0])

  world.reach(1)
  void world.processes[0]?.hub.close({ drainMs: 5_000 })
  await world.runtime.pass(10_000)
  expect(logs).toEqual([
    ["open", "close 1006 unclean"],
    ["open", "close 1006 unclean"],
  ])
  expect([sizes(), resets]).toEqual([[0, 0], []])

  const again = new WebSocket("ws://host/again")
  const log = logOf(again)
  await world.runtime.pass(1_000)
  again.send("here")
  await world.runtime.pass(1_000)
  expect([log, sizes()]).toEqual([
    ["open", "message here"],
    [0, 1],
  ])
})
