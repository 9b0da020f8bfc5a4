// What the hub of a row answers: the talk of talk.mjs, and the messages of faults.mjs. It uses no API of Node.

/** @param hub Its handlers are added. */
export function answer(hub) {
  hub.on("up", (data, peer) => peer.send("down", data))
  hub.handle("sum", (numbers) => numbers.reduce((sum, number) => sum + number, 0))
}
