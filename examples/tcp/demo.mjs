// @ts-check
/** `npm run build && node examples/tcp/demo.mjs`: a hub on a Unix domain socket (a pipe on Windows), and a channel to it. */
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createChannel } from "everwire"
import { createHub } from "everwire/node"
import { tcp, tcpAcceptor } from "./tcp.mjs"

const path =
  process.platform === "win32" ? `\\\\.\\pipe\\everwire-${process.pid}` : join(tmpdir(), `everwire-${process.pid}`)

const server = createServer().listen(path)
const hub = createHub({ transports: [tcpAcceptor(server)] })
hub.handle("status", () => ({ pid: process.pid, peers: hub.peers.size }))
hub.onPeer((peer) => peer.send("hello", `you are ${peer.id}`))

const channel = createChannel("http://local", { transports: [tcp({ path })] })
channel.on("hello", (text) => console.log("the hub says:", text))
console.log("its status is", await channel.request("status"), "over", channel.transport)

await channel.close()
await hub.close()
server.close()
