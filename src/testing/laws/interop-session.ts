import { Conversation } from "./conversation.ts"
import { DONE } from "./end.ts"
import type { LawDefinition } from "./law.ts"

/** Laws on whole sessions over this transport: whatever happens to links, each message arrives once and in order. */
export const interopSession: readonly LawDefinition[] = [
  {
    id: "interop.session",
    title: "two sessions hear all that the other says",
    async prove(bench) {
      const talk = new Conversation(bench)
      await talk.connect()
      for (let round = 0; round < 5; round++) {
        talk.channel.say(60)
        talk.hub.say(60)
        await bench.settle()
      }
      await talk.agree()
    },
  },
  {
    id: "interop.session-redials",
    title: "sessions that close a link in the middle and dial another lose and double nothing",
    async prove(bench) {
      const talk = new Conversation(bench)
      for (let round = 0; round < 6; round++) {
        const end = await talk.connect()
        talk.channel.say(20)
        talk.hub.say(20)
        if (round % 2 === 0) await bench.settle()
        talk.leave(end)
        talk.channel.say(5)
      }
      await talk.agree()
    },
  },
  {
    id: "interop.session-hub-closes",
    title: "links that the hub closes in the middle cost nothing that was said",
    async prove(bench) {
      const talk = new Conversation(bench)
      for (let round = 0; round < 5; round++) {
        const end = await talk.connect()
        talk.channel.say(20)
        talk.hub.say(20)
        if (round % 2 === 0) await bench.settle()
        const { link } = talk.hub.session
        link?.close(DONE)
        if (link !== undefined) talk.hub.session.linkLost(link)
        talk.hub.say(5)
        await bench.isTold(end)
      }
      await talk.agree()
    },
  },
  {
    id: "interop.session-overlap",
    title: "sessions that dial another link before they leave the first lose and double nothing",
    async prove(bench) {
      const talk = new Conversation(bench)
      let before = await talk.connect()
      for (let round = 0; round < 5; round++) {
        talk.channel.say(20)
        talk.hub.say(20)
        const next = await talk.connect()
        talk.channel.say(20)
        talk.hub.say(20)
        before.close()
        before = next
      }
      await talk.agree()
    },
  },
  {
    id: "interop.session-severed",
    title: "connections that break in the middle cost nothing that was said",
    needs: ["sever"],
    async prove(bench) {
      const talk = new Conversation(bench)
      await talk.connect()
      for (let round = 0; round < 5; round++) {
        talk.channel.say(20)
        talk.hub.say(20)
        if (round % 2 === 0) await bench.settle()
        await bench.rig.sever?.()
        await talk.agree()
      }
    },
  },
  {
    id: "interop.session-lossy",
    title: "requests and answers that are lost cost nothing that was said",
    needs: ["repairsLoss"],
    async prove(bench) {
      const talk = new Conversation(bench)
      await talk.connect()
      for (let round = 0; round < 6; round++) {
        bench.rig.lose?.(round % 2 === 0 ? "request" : "answer")
        talk.channel.say(20)
        talk.hub.say(20)
        await talk.agree()
      }
    },
  },
  {
    id: "interop.session-bulk",
    title: "two sessions bring two megabytes across, each way, at the pace of the link",
    async prove(bench) {
      const talk = new Conversation(bench)
      await talk.connect()
      const bytes = Math.min(40_000, bench.traits.maxBatchBytes >> 1)
      talk.channel.say(Math.ceil(2_000_000 / bytes), bytes)
      talk.hub.say(Math.ceil(2_000_000 / bytes), bytes)
      await talk.agree()
    },
  },
]
