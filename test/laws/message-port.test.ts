import { keepsTheLaws } from "./keeps-the-laws.ts"
import { messagePorts } from "./rigs/message-port.ts"

keepsTheLaws(messagePorts)
