// The page of doors.test.ts: a channel to wherever it is told.

import { createChannel } from "everwire"

const page = {
  /** Opens a channel; tells its status when it is open or has given its first reason why it is not. */
  whyNotOpen(url: string): Promise<{ status: string; code: string | undefined; reason: string | undefined }> {
    const channel = createChannel(url, { store: null })
    return new Promise((resolve) => {
      channel.onStatus((status, { closing }) => {
        resolve({ status, code: closing?.code, reason: closing?.reason })
        void channel.close({ flushMs: 0 })
      })
    })
  },
}
export type DoorsPage = typeof page
Object.assign(globalThis, { page })
