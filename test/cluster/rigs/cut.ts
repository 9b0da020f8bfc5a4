import { randomUUID } from "node:crypto"
import { rmSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Something in front of a server, at which one connection can be cut and refused. */
export interface Cuttable {
  /** Where it listens: a socket of the file system, or a port. */
  readonly path: string
  readonly port: number
  cut(): void
  mend(): void
  /** Lets nothing through in either direction, as if the other side had stopped; or lets it through again. */
  hold(isHeld: boolean): void
  /** Lets each piece through so much later, in milliseconds. */
  delay(delayMs: number): void
  close(): Promise<void>
}

/** @param to the path or port of the server */
export async function inFrontOf(to: string | number): Promise<Cuttable> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isCut = false
  let isHeld = false
  let delayMs = 0
  const server = createServer((near) => {
    if (isCut) return void near.destroy()
    const far = typeof to === "string" ? connect(to) : connect(to, "127.0.0.1")
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, into] of [pair, [far, near] as const]) {
      // When the last piece is passed on: no later one comes before it, whatever the delay is then.
      let lastAt = 0
      from.on("data", (chunk) => {
        const now = performance.now()
        lastAt = Math.max(now + delayMs, lastAt)
        if (lastAt > now) setTimeout(() => into.writable && into.write(chunk), lastAt - now)
        else if (!into.write(chunk)) from.pause()
      })
      into.on("drain", () => isHeld || from.resume())
      from.on("error", () => {})
      from.on("close", () => {
        pairs.delete(pair)
        into.destroy()
      })
    }
  })
  const path = join(tmpdir(), `everwire-cut-${randomUUID().slice(0, 8)}`)
  await new Promise<void>((resolve) => {
    if (typeof to === "string") server.listen(path, resolve)
    else server.listen(0, "127.0.0.1", resolve)
  })
  const address = server.address()
  return {
    path,
    port: typeof address === "object" && address ? address.port : 0,
    cut: () => {
      isCut = true
      for (const pair of pairs) for (const socket of pair) socket.destroy()
    },
    mend: () => {
      isCut = false
    },
    hold: (held) => {
      isHeld = held
      for (const pair of pairs) for (const socket of pair) held ? socket.pause() : socket.resume()
    },
    delay: (ms) => {
      delayMs = ms
    },
    close: async () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      if (typeof to === "string") rmSync(path, { force: true })
    },
  }
}
