import { cleanup } from "./cleanup.ts"
import { closings } from "./closing.ts"
import { hostility } from "./hostility.ts"
import { integrity } from "./integrity.ts"
import { interop } from "./interop.ts"
import { isolation } from "./isolation.ts"
import { order } from "./order.ts"
import { pressure } from "./pressure.ts"
import { reentry } from "./reentry.ts"
import type { Saboteur } from "./saboteur.ts"
import { silence } from "./silence.ts"

/** For each law at least one transport that breaks it. */
export const saboteurs: readonly Saboteur[] = [
  ...order,
  ...integrity,
  ...closings,
  ...silence,
  ...reentry,
  ...pressure,
  ...isolation,
  ...cleanup,
  ...hostility,
  ...interop,
]
