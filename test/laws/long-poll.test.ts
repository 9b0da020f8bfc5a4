import { keepsTheLaws } from "./keeps-the-laws.ts"
import { nodeHub } from "./rigs/node-hub.ts"

keepsTheLaws(nodeHub.longPoll)
