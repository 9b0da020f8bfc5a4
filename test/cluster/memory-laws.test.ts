import { keepsTheLaws } from "./rigs/keeps-the-laws.ts"
import { memorySubject } from "./rigs/memory.ts"

keepsTheLaws(memorySubject("in memory"))
