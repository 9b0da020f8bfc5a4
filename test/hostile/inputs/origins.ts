// Requests from foreign pages, at each entry point of the hub.

import type { NodeHubOptions } from "everwire/node"
import { doors, type Headers } from "../doors.ts"
import type { Input } from "./input.ts"
import type { Place } from "./lessons.ts"

/** The host of a hub's URL. */
const own = (url: string): string => new URL(url).host

interface Foreign {
  readonly title: string
  readonly headers: (url: string) => Headers
  readonly options?: NodeHubOptions
}

const foreign: readonly Foreign[] = [
  { title: "a foreign Origin", headers: () => ({ origin: "https://evil.example" }) },
  { title: "the Origin `null` of a sandboxed page", headers: () => ({ origin: "null" }) },
  { title: "an Origin that is no URL", headers: () => ({ origin: "evil" }) },
  { title: "an empty Origin", headers: () => ({ origin: "" }) },
  { title: "the own host on another port", headers: (url) => ({ origin: `http://${own(url)}1` }) },
  {
    title: "an Origin that begins with the own host",
    headers: (url) => ({ origin: `http://${own(url)}.evil.example` }),
  },
  { title: "an Origin that ends in the own host", headers: (url) => ({ origin: `http://evil-${own(url)}` }) },
  { title: "the own host by another scheme than the web's", headers: (url) => ({ origin: `ftp://${own(url)}` }) },
  {
    title: "an Origin like an allowed one",
    headers: () => ({ origin: "https://app.example.evil" }),
    options: { origins: ["https://app.example"] },
  },
  {
    title: "an allowed host without TLS",
    headers: () => ({ origin: "http://app.example" }),
    options: { origins: ["https://app.example"] },
  },
  { title: "cookies and no Origin", headers: () => ({ cookie: "session=1" }) },
  {
    title: "cookies and a page of another site",
    headers: () => ({ cookie: "session=1", "sec-fetch-site": "cross-site" }),
  },
  {
    title: "cookies and a page of the same site, not the same origin",
    headers: (url) => ({ cookie: "session=1", "sec-fetch-site": "same-site", referer: `http://${own(url)}/` }),
  },
  {
    title: "cookies and a foreign Referer",
    headers: () => ({ cookie: "session=1", referer: "https://evil.example/" }),
  },
  {
    title: "cookies, where every origin is let in without",
    headers: () => ({ origin: "https://app.example", cookie: "session=1" }),
    options: { origins: "*" },
  },
]

const PLACE_OF: Readonly<Record<keyof typeof doors, Place>> = {
  "an upgrade": "upgrade",
  "a POST to sse": "sse",
  "a POST to long-poll": "long-poll",
  "a POST to short-poll": "short-poll",
  "the stream of sse": "stream",
  "a preflight": "preflight",
  "a transport nobody offers": "elsewhere",
}

export const origins: readonly Input[] = foreign.flatMap(({ title, headers, options = {} }) =>
  (Object.keys(doors) as (keyof typeof doors)[]) // The keys of `doors`.
    .map((door) => ({
      lesson: "every origin is let in",
      place: PLACE_OF[door],
      title,
      outcome: "403",
      options: () => options,
      run: async ({ url }) => `${await doors[door](url, headers(url))}`,
    })),
)
