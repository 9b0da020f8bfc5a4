import type { Principal } from "everwire/node"
import { afterAll, describe, expect, it, vi } from "vitest"
import { disposeAll, startDuo, transports } from "../support/hub-server.ts"

// All wait for the same lives of tokens in real time, each with a hub of its own.
afterAll(disposeAll)

describe.each(transports)("over %s", { concurrent: true }, (transport) => {
  it("a peer is asked on its link, and the answer is judged", async () => {
    const asked: string[] = []
    const judged: [string, string][] = []
    const { peer, channel } = await startDuo(
      {
        authenticate({ auth, reason, origin }) {
          judged.push([reason, origin.transport])
          return auth as Principal
        },
      },
      {
        transports: [transport],
        auth({ reason }) {
          asked.push(reason)
          return { id: "ann", expiresAt: Date.now() + (reason === "connect" ? 3_000 : 60_000) }
        },
      },
    )
    const before = peer.principal
    await vi.waitFor(() => expect(peer.principal).not.toEqual(before), { timeout: 30_000, interval: 10 })
    expect(asked).toEqual(["connect", "expiring"])
    expect(judged).toEqual([
      ["connect", transport],
      ["expiring", transport],
    ])
    expect([channel.status, channel.explain().incidents.filter(({ what }) => what === "dialed")]).toEqual([
      "open",
      [expect.anything()],
    ])
  })

  it("a peer that cannot be asked loses its link, comes back, and loses nothing", async () => {
    let judged = 0
    const { hub, peer, channel } = await startDuo(
      { authenticate: () => ({ id: "ann", expiresAt: Date.now() + (++judged === 1 ? 3_000 : 60_000) }) },
      { transports: [transport] },
    )
    const [up, down]: [unknown[], unknown[]] = [[], []]
    hub.on("up", (data) => void up.push(data))
    channel.on("down", (data) => void down.push(data))
    const wanted: number[] = []
    const say = (): void => {
      channel.send("up", wanted.length)
      peer.send("down", wanted.length)
      wanted.push(wanted.length)
    }
    let isExpired = false
    const isBack = new Promise<void>((resolve) => {
      channel.onIncident(({ what, closing }) => {
        isExpired ||= closing?.code === "auth-expired"
        if (isExpired && what === "took-over") resolve()
      })
    })
    const saying = setInterval(say, 30)
    await isBack
    clearInterval(saying)
    say()
    await Promise.all([channel.flush(), peer.flush()])
    expect([up, down]).toEqual([wanted, wanted])
    expect(judged).toBe(2)
    expect([...hub.peers.values()]).toEqual([peer])
  })
})
