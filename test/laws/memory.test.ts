import { keepsTheLaws } from "./keeps-the-laws.ts"
import { memoryHttp } from "./rigs/memory-http.ts"
import { memoryNetwork } from "./rigs/memory-network.ts"
import { memoryWebsocket } from "./rigs/memory-websocket.ts"

for (const subject of [memoryNetwork, memoryWebsocket, ...memoryHttp]) keepsTheLaws(subject)
