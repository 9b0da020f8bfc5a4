import { type Bench, story } from "./bench.ts"
import { Conversation } from "./conversation.ts"
import type { End } from "./end.ts"
import type { LawDefinition } from "./law.ts"
import { notes } from "./packets.ts"
import { eachSeat } from "./ways.ts"

/** A short heartbeat, in milliseconds, so that sessions give up a dead link soon. */
const PULSE = { heartbeatMs: 100, heartbeatTimeoutMs: 300 }

/** Laws on silence: the other end vanishes without a close. */
export const silence: readonly LawDefinition[] = [
  {
    id: "silence.hub-noticed",
    title: "a hub that has vanished ends the link at the channel",
    needs: ["vanish", "noticesVanishedHub"],
    async prove(bench) {
      const { channel } = await bench.connect()
      await bench.rig.vanish?.("hub")
      await bench.isTold(channel)
      isLoss(bench, channel)
    },
  },
  {
    id: "silence.channel-noticed",
    title: "a channel that has vanished ends the link at the hub",
    needs: ["vanish", "noticesVanishedChannel"],
    async prove(bench) {
      const { hub } = await bench.connect()
      await bench.rig.vanish?.("channel")
      await bench.isTold(hub)
      isLoss(bench, hub)
    },
  },
  {
    id: "silence.severed",
    title: "when the connection breaks, the channel's end is told or the link goes on without a loss",
    needs: ["sever"],
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      const said = notes(5)
      await bench.rig.sever?.()
      hub.sendEach(said)
      await bench.until(
        () => channel.over || channel.packets.length === said.length,
        "the end, or all that was said",
        () => story(channel),
      )
      if (channel.over) isLoss(bench, channel)
      else await bench.arrives(channel, said)
    },
  },
  ...eachSeat(
    "silence.harmless",
    (seat) => `the ${seat} may go on sending to an end that has vanished, and close`,
    async (bench, end) => {
      await bench.rig.vanish?.(end.seat === "hub" ? "channel" : "hub")
      for (let i = 0; i < 5; i++) {
        end.sendEach(notes(20))
        await bench.settle()
      }
      end.close()
      const told = end.told.length
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(end.told.length === told, "nothing after the close", () => story(end))
    },
    ["vanish"],
  ),
  {
    id: "silence.quiet-is-alive",
    title: "a link on which nothing is said for a while is not ended for it",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      const until = bench.rig.runtime.now() + 2.5 * bench.holdMs
      while (bench.rig.runtime.now() < until) await bench.settle()
      for (const end of [channel, hub]) {
        bench.expect(!end.over, `no end at the ${end.seat}'s`, () => story(end))
        bench.expect(end.packets.length === 0, `nothing that nobody said at the ${end.seat}'s`, () => story(end))
      }
    },
  },
  {
    id: "silence.concluded-by-hub",
    title: "a session at the hub gives up a channel that has vanished",
    needs: ["vanish"],
    async prove(bench) {
      const talk = new Conversation(bench, PULSE)
      await talk.connect()
      await bench.rig.vanish?.("channel")
      talk.channel.session.end()
      await bench.until(
        () => talk.hub.session.link === undefined,
        "the hub's session to let go of the link",
        () => "it still believes in it",
      )
    },
  },
  {
    id: "silence.concluded-by-channel",
    title: "a session at the channel doubts a hub that has vanished",
    needs: ["vanish"],
    async prove(bench) {
      const talk = new Conversation(bench, PULSE)
      await talk.connect()
      await bench.rig.vanish?.("hub")
      talk.hub.session.end()
      talk.channel.say(1)
      await bench.until(
        () => talk.channel.inDoubt || talk.channel.session.link === undefined,
        "the channel's session to doubt the link",
        () => "it still believes in it",
      )
    },
  },
]

/** A link that broke without a close must end with a closing that is retryable. */
function isLoss(bench: Bench, end: End): void {
  const [why] = end.closings
  bench.expect(
    why?.retryable === true,
    "a closing that allows dialing again",
    `${why?.code}, retryable: ${why?.retryable}`,
  )
}
