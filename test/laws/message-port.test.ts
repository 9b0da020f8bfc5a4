import { subject } from "../../examples/message-port/rig.mjs"
import { keepsTheLaws } from "./keeps-the-laws.ts"

keepsTheLaws(subject)
