import type { Principal } from "everwire/node"
import { afterAll, describe, expect, it } from "vitest"
import { disposeAll, startDuo, transports } from "../support/hub-server.ts"

// All wait for the same lives of tokens in real time, each with a hub of its own.
afterAll(disposeAll)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.each(transports)("over %s", { concurrent: true }, (transport) => {
  it("a peer is asked on its link, and the answer is judged", { timeout: 15_000 }, async () => {
    const asked: string[] = []
    const judged: [string, string][] = []
    let renewed = (): void => {}
    const isRenewed = new Promise<void>((resolve) => {
      renewed = resolve
    })
    const { peer, channel } = await startDuo(
      {
        authenticate({ auth, reason, origin }) {
          judged.push([reason, origin.transport])
          if (reason === "expiring") renewed()
          return auth as Principal
        },
      },
      {
        transports: [transport],
        auth({ reason }) {
          asked.push(reason)
          return { id: "ann", expiresAt: Date.now() + (reason === "connect" ? 1_500 : 60_000) }
        },
      },
    )
    const before = peer.principal
    await isRenewed
    await pause(50)
    expect(asked).toEqual(["connect", "expiring"])
    expect(judged).toEqual([
      ["connect", transport],
      ["expiring", transport],
    ])
    expect(peer.principal).not.toEqual(before)
    expect([channel.status, channel.explain().incidents.filter(({ what }) => what === "dialed")]).toEqual([
      "open",
      [expect.anything()],
    ])
  })

  it("a peer that cannot be asked loses its link, comes back, and loses nothing", { timeout: 15_000 }, async () => {
    let judged = 0
    const { hub, peer, channel } = await startDuo(
      { authenticate: () => ({ id: "ann", expiresAt: Date.now() + (++judged === 1 ? 1_500 : 60_000) }) },
      { transports: [transport] },
    )
    const [up, down]: [unknown[], unknown[]] = [[], []]
    hub.on("up", (data) => void up.push(data))
    channel.on("down", (data) => void down.push(data))
    const wanted = Array.from({ length: 60 }, (_, i) => i)
    for (const n of wanted) {
      channel.send("up", n)
      peer.send("down", n)
      await pause(30)
    }
    await Promise.all([channel.flush(), peer.flush()])
    expect([up, down]).toEqual([wanted, wanted])
    expect(judged).toBe(2)
    expect([...hub.peers.values()]).toEqual([peer])
    expect(channel.explain().incidents.some(({ closing }) => closing?.code === "auth-expired")).toBe(true)
  })
})
