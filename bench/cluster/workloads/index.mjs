import { crossing, wide } from "./broadcasts.mjs"
import { down, echo, up } from "./sessions.mjs"

export const workloads = [up, down, echo, crossing, wide]
