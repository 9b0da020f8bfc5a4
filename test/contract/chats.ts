import { type } from "arktype"
import {
  type ChannelContract,
  type ContractOf,
  contract,
  type HubContract,
  type HubContractOf,
} from "everwire/contract"
import * as v from "valibot"
import { z } from "zod"

/** The same contract by three libraries. */
const zodChat = contract({
  up: {
    say: z.object({ text: z.string().max(20) }),
    order: z.object({ items: z.array(z.object({ price: z.number() })) }),
    move: z.object({ x: z.number().default(7) }),
    at: z.string().transform((text) => new Date(text)),
    typing: z.undefined(),
    picture: z.instanceof(Uint8Array),
  },
  down: { said: z.object({ from: z.string(), level: z.number().default(1) }), over: z.undefined() },
  requests: {
    history: { input: z.object({ before: z.number().default(9) }), output: z.array(z.string()) },
    when: { input: z.string().transform((text) => new Date(text)), output: z.object({ year: z.number() }) },
  },
  asks: { confirm: { input: z.object({ question: z.string() }), output: z.object({ sure: z.boolean() }) } },
})

const valibotChat = contract({
  up: {
    say: v.object({ text: v.pipe(v.string(), v.maxLength(20)) }),
    order: v.object({ items: v.array(v.object({ price: v.number() })) }),
    move: v.object({ x: v.optional(v.number(), 7) }),
    at: v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
    typing: v.undefined(),
    picture: v.instance(Uint8Array),
  },
  down: { said: v.object({ from: v.string(), level: v.optional(v.number(), 1) }), over: v.undefined() },
  requests: {
    history: { input: v.object({ before: v.optional(v.number(), 9) }), output: v.array(v.string()) },
    when: {
      input: v.pipe(
        v.string(),
        v.transform((text) => new Date(text)),
      ),
      output: v.object({ year: v.number() }),
    },
  },
  asks: { confirm: { input: v.object({ question: v.string() }), output: v.object({ sure: v.boolean() }) } },
})

/** Objects of arktype keep keys that they do not name, unless they say so. */
const arktypeChat = contract({
  up: {
    say: type({ "+": "delete", text: "string <= 20" }),
    order: type({ items: type({ price: "number" }).array() }),
    move: type({ x: "number = 7" }),
    at: type("string").pipe((text) => new Date(text)),
    typing: type("undefined"),
    picture: type.instanceOf(Uint8Array),
  },
  down: { said: type({ "+": "delete", from: "string", level: "number = 1" }), over: type("undefined") },
  requests: {
    history: { input: type({ before: "number = 9" }), output: type("string[]") },
    when: {
      input: type("string").pipe((text) => new Date(text)),
      output: type({ "+": "delete", year: "number" }),
    },
  },
  asks: { confirm: { input: type({ question: "string" }), output: type({ "+": "delete", sure: "boolean" }) } },
})

/** What all of them are: the compiler holds the types of each against it. */
export interface ForChannel {
  up: {
    say: { text: string }
    order: { items: { price: number }[] }
    move: { x?: number | undefined }
    at: string
    typing: undefined
    picture: Uint8Array<ArrayBuffer>
  }
  down: { said: { from: string; level: number }; over: undefined }
  requests: {
    history(data: { before?: number | undefined }): string[]
    when(data: string): { year: number }
  }
  asks: { confirm(data: { question: string }): { sure: boolean } }
}

export type Chat = HubContract<HubContractOf<typeof zodChat>> & ChannelContract<ContractOf<typeof zodChat>>

export const chats: readonly (readonly [library: string, chat: Chat])[] = [
  ["zod", zodChat],
  ["valibot", valibotChat],
  ["arktype", arktypeChat as unknown as Chat],
]
export type Sides = {
  zod: typeof zodChat
  valibot: typeof valibotChat
  arktype: typeof arktypeChat
}
