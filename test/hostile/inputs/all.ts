import { channels } from "./channels.ts"
import { codecs } from "./codecs.ts"
import { firstBodies, firstWords } from "./first.ts"
import type { Input } from "./input.ts"
import { brought } from "./links.ts"
import { locks } from "./locks.ts"
import { origins } from "./origins.ts"
import { requests } from "./requests.ts"
import { frames } from "./sockets.ts"

/** All hostile inputs. */
export const INPUTS: readonly Input[] = [
  ...firstWords,
  ...firstBodies,
  ...brought,
  ...codecs,
  ...requests,
  ...origins,
  ...frames,
  ...locks,
  ...channels,
]
