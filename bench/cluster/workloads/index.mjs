import { crossing, wide } from "./broadcasts.mjs"
import { down, echo, up } from "./sessions.mjs"
import { beats, begin, idle } from "./standing.mjs"

export const workloads = [up, down, echo, crossing, wide, begin, idle, beats]
