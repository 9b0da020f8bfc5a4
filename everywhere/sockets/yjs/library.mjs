// Yjs: a document that the server has too. Either side pushes its numbers to a list of its own. A second client joins late, and
// gets everything that both have pushed by then in one message of bytes.
import { getYDoc } from "@y/websocket-server/utils"
import { Doc } from "yjs"
import * as lines from "./lines.mjs"

/** The room, and the document that the server has for it: the path of the socket. */
const ROOM = "page"

/** Calls back for each number that is pushed to this list. */
function watch(doc, list, heard) {
  doc.getArray(list).observe(({ delta }) => {
    for (const { insert = [] } of delta) for (const n of insert) heard(n)
  })
}

export function serve(server, { heard, push }) {
  lines.serve(server)
  const doc = getYDoc(`library/${ROOM}`)
  doc.getArray("down").delete(0, doc.getArray("down").length)
  watch(doc, "up", heard)
  push((n) => doc.getArray("down").push([n]))
}

export async function connect({ WebSocket, url, heard, failed }) {
  const join = (doc) => {
    const provider = lines.connect(WebSocket, url, ROOM, doc)
    provider.on("connection-close", () => failed(new Error("the provider lost its connection")))
    return new Promise((resolve) => provider.once("sync", () => resolve(provider)))
  }
  const doc = new Doc()
  const provider = await join(doc)
  watch(doc, "down", heard)
  return {
    send: (n) => doc.getArray("up").push([n]),
    async close() {
      const late = new Doc()
      const second = await join(late)
      for (const list of ["up", "down"]) {
        if (`${late.getArray(list).toArray()}` !== `${doc.getArray(list).toArray()}`)
          failed(new Error(`${list} differs`))
      }
      for (const each of [provider, second]) {
        each._observers?.delete("connection-close") // from now on it is meant
        each.destroy()
      }
    },
  }
}
