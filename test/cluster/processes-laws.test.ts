import { afterAll, beforeAll } from "vitest"
import { keepsTheLaws } from "./rigs/keeps-the-laws.ts"
import { type Crew, hire, processesSubject } from "./rigs/processes.ts"

let crew: Crew | undefined

beforeAll(async () => {
  crew = await hire(2, 1)
})
afterAll(() => crew?.fire())

keepsTheLaws(processesSubject("of one process"))
keepsTheLaws(
  processesSubject("of worker processes and threads", () => {
    if (crew === undefined) throw new Error("no workers")
    return crew
  }),
)
