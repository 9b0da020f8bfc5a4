// Payloads in MessagePack on a welcomed link whose hello named that codec, over each transport.

import { msgpack } from "everwire/msgpack"
import { json } from "everwire/node"
import { hello, openWelcomed } from "../attack.ts"
import { packet } from "./first.ts"
import { bringAfter, GOES_ON, type Input, LINKS, sayAfter, sayFirst } from "./input.ts"
import type { Lesson } from "./lessons.ts"

const TEXT = "a text that is none"
const TYPE = "something else than a text or a count"
const NAME = "a name that means something to the program"
const MORE = "a promise of more to come"
const MANY = "many small pieces"
const DEEP = "a payload that is nested deeply"

/** The payload in hexadecimal; `code` is the code with which the link is closed, or GOES_ON. */
type Row = readonly [lesson: Lesson, title: string, payload: string, code?: string]

const hex = (text: string): string => Buffer.from(text).toString("hex")
const key = (name: string, value: string): string => `81${(0xa0 + name.length).toString(16)}${hex(name)}${value}`

const rows: readonly Row[] = [
  [TEXT, "nothing", ""],
  [TEXT, "the byte that begins nothing", "c1"],
  [TEXT, "two values", "0102"],
  [TEXT, "a header that is cut short", "cd01"],
  [TEXT, "a text that is no UTF-8, which the library reads somehow", "a2fffe", GOES_ON],
  [TEXT, "a text that ends in the middle of a character", "a1f0", GOES_ON],
  [TEXT, "digits that are none", `c70301${hex("0x1")}`],
  [TEXT, "no digits", "c70001"],
  [TEXT, "a text in JSON that is none", `d404${hex("{")}`],
  [TEXT, "a text in JSON that is a list", `d504${hex("[]")}`],
  [MORE, "a list of 4,294,967,295 values", "ddffffffff"],
  [MORE, "lists of as many values as there are bytes, in each other", "dd000000ff".repeat(60)],
  [MORE, "an object of 4,294,967,295 fields", "dfffffffff"],
  [MORE, "a text of 4 GiB", "dbffffffff"],
  [MORE, "bytes of 4 GiB", "c6ffffffff"],
  [MORE, "an extension of 4 GiB", "c9ffffffff02"],
  [MORE, "a Map that ends behind the payload", "c7ff0290"],
  [MORE, "a Map whose content ends behind it", "c70102920102"],
  [MORE, "a Map that is longer than its content", "c703029000c0"],
  [TYPE, "a Map whose content is no list", "d40201"],
  [TYPE, "a Map with a key that has no value", "d5029101"],
  [TYPE, "a Set whose content is an object", "d40380"],
  [TYPE, "an extension that nobody knows", "d42a00"],
  [TYPE, "a type of extension that MessagePack keeps for itself", "d4fe00"],
  [TYPE, "a moment of another length", "d5ff0000"],
  [TYPE, "a moment that no Date can hold", "c70cff000000007fffffffffffffff"],
  [TYPE, "an integer that a number cannot hold", "cfffffffffffffffff"],
  [TYPE, "a negative integer that a number cannot hold", "d38000000000000000"],
  [TYPE, "a key that is a list", "819001"],
  [TYPE, "a key that is nothing", "81c001"],
  [TYPE, "the number NaN as a key, which becomes its name", "81cb7ff8000000000000c3", GOES_ON],
  [NAME, "the same key 1,000 times", `de03e8${"a16101".repeat(1_000)}`, GOES_ON],
  [
    NAME,
    "the key __proto__ after others of the same name",
    `82${key("__proto__", "01").slice(2)}${key("__proto__", "80").slice(2)}`,
  ],
  [NAME, "the key __proto__", key("__proto__", key("polluted", "c3"))],
  [NAME, "the key constructor", key("constructor", key("prototype", key("polluted", "c3"))), GOES_ON],
  [NAME, "the key __proto__ in a Map", `c70c0292a9${hex("__proto__")}c3`, GOES_ON],
  [NAME, "a value that looks like a promise", key("then", "01"), GOES_ON],
  [DEEP, "lists in lists", `${"91".repeat(100_000)}c0`, "too-large"],
  [DEEP, "lists that are never closed", "91".repeat(900_000), "too-large"],
  [DEEP, "one level more than may be", `${"91".repeat(501)}c0`, "too-large"],
  [DEEP, "as many levels as may be", `${"91".repeat(500)}c0`, GOES_ON],
  [MANY, "900,000 empty lists", `dd000dbba0${"90".repeat(900_000)}`, "too-large"],
  [MANY, "900,000 empty objects", `dd000dbba0${"80".repeat(900_000)}`, "too-large"],
  [MANY, "300,000 empty Sets", `dd000493e0${"d40390".repeat(300_000)}`, "too-large"],
  [MANY, "400,000 empty bytes", `dd00061a80${"c400".repeat(400_000)}`, "too-large"],
  [MANY, "300,000 bigints of one digit", `dd000493e0${"d40131".repeat(300_000)}`, "too-large"],
  [MANY, "900,000 numbers", `dd000dbba0${"01".repeat(900_000)}`, GOES_ON],
  [MANY, "70,000 empty lists", `dd00011170${"90".repeat(70_000)}`, GOES_ON],
]

const options: NonNullable<Input["options"]> = () => ({ codecs: [json, msgpack()] })
const named = { codec: "msgpack" }
const message = (header: string, payload: string): Uint8Array =>
  Buffer.concat([packet("n1", false), packet(`${header}\n${Buffer.from(payload, "hex").toString("latin1")}`)])

const payloads: readonly Input[] = rows.flatMap(([lesson, title, payload, code = "protocol-error"]) =>
  LINKS.map((place): Input => {
    const batch = message("mx", payload)
    const isSocket = place === "websocket"
    const closed = isSocket ? `${code === "too-large" ? 4001 : 4000} ${code}` : `closed ${code}`
    return {
      lesson,
      place,
      title: `in msgpack: ${title}`,
      outcome: code === GOES_ON ? GOES_ON : closed,
      options,
      run: (arena) => (isSocket ? sayAfter(named, arena, batch) : bringAfter(named, arena, place, batch)),
    }
  }),
)

export const codecs: readonly Input[] = [
  ...payloads,
  {
    lesson: TYPE,
    place: "websocket",
    title: "in msgpack: a payload in JSON",
    outcome: "4000 protocol-error",
    options,
    run: (arena) => sayAfter(named, arena, 'n1\nmx\t{"a":1}'),
  },
  {
    lesson: TYPE,
    place: "websocket",
    title: "a session that comes back with another codec",
    outcome: "4001 protocol-error",
    options,
    async run(arena) {
      const session = { id: "raw-session-of-two-codecs", key: "key-of-a-session-of-two-codecs" }
      const { socket } = await openWelcomed(arena.url, session)
      const outcome = await sayFirst(arena, hello({ ...session, ...named, turn: 2 }))
      socket.terminate()
      return outcome
    },
  },
]
