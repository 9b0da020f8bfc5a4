import { keepsTheLaws } from "./keeps-the-laws.ts"
import { tcpSockets } from "./rigs/tcp.ts"

keepsTheLaws(tcpSockets)
