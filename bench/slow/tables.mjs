import { cases } from "./cases.mjs"
import { dialsIn, missesOf, ratioOf, silentLimitMs } from "./targets.mjs"

/** 150_000 is "150k" and 2_000_000 is "2M". */
export function short(number) {
  return number >= 1e6 ? `${number / 1e6}M` : `${number / 1e3}k`
}

export function cellTitle({ name, peer, rate, roundTripMs, queueBytes }) {
  return `${name} ${peer} ${short(rate)} ${roundTripMs} ms ${short(queueBytes)}B`
}

/** The worst result of each peer and case. */
export function summaryTable(results) {
  const timed = results.filter(({ name, failed }) => !cases[name].silent && failed === undefined)
  const rows = groups(timed, ({ peer, name }) => `${peer}|${name}`).map((same) => {
    const [{ peer, name }] = same
    const most = (of) => Math.max(...same.map((one) => of(one) ?? 0))
    const total = (key) => same.reduce((all, one) => all + one[key], 0)
    const never = same.filter(({ ms }) => ms === undefined).length
    return [
      peer,
      name,
      `${same.length - never} of ${same.length}`,
      factor(most((one) => ratioOf(one, results))),
      factor(most(({ bytes }) => bytes)),
      cases[name].plan(same[0].rate).chat ? seconds(most(({ chatMs }) => chatMs)) : "",
      same[0].dials ? `${most((one) => dialsIn(one).before)} + ${most((one) => dialsIn(one).after)}` : "",
      total("interruptions"),
      `${total("lost")} / ${total("doubled")} / ${total("reordered")}`,
      same.filter((one) => missesOf(one, results).length === 0).length,
    ]
  })
  const heads = [
    "peer",
    "case",
    "done",
    "time to ws",
    "bytes",
    "chat late",
    "dials",
    "not open",
    "lost / doubled / reordered",
    "within all targets",
  ]
  return table(heads, rows)
}

/** One table per rate, with a row for each peer and case and a column for each round trip and queue. */
export function rateTables(results) {
  const timed = results.filter(({ name }) => !cases[name].silent)
  return groups(timed, ({ rate }) => rate)
    .toSorted((a, b) => a[0].rate - b[0].rate)
    .map((ofRate) => {
      const links = groups(ofRate, linkOf)
        .map(([one]) => one)
        .toSorted((a, b) => a.roundTripMs - b.roundTripMs || a.queueBytes - b.queueBytes)
      const rows = groups(ofRate, ({ name, peer }) => `${name}|${peer}`).map((same) => [
        same[0].name,
        same[0].peer,
        ...links.map((link) =>
          cellText(
            same.find((one) => linkOf(one) === linkOf(link)),
            results,
          ),
        ),
      ])
      return `### ${short(ofRate[0].rate)}bit/s\n\n${table(["case", "peer", ...links.map(linkOf)], rows)}`
    })
}

export function silentTable(results) {
  const silent = results.filter(({ name, failed }) => cases[name].silent && failed === undefined)
  if (silent.length === 0) return undefined
  const rows = silent.map((one) => [
    one.peer,
    `${short(one.rate)}bit/s`,
    linkOf(one),
    seconds(one.noticedMs),
    seconds(silentLimitMs(one)),
    seconds(one.movedMs),
    seconds(one.loadedMs),
    one.doubtsBefore,
    `${one.lost} / ${one.doubled} / ${one.reordered}`,
  ])
  const heads = [
    "transport",
    "rate",
    "round trip, queue",
    "noticed",
    "at most",
    "on another link",
    "round trip under load",
    "doubts before",
    "lost / doubled / reordered",
  ]
  return table(heads, rows)
}

export function smallBodiesTable(results) {
  const rows = results.map(({ peer, downMs, upMs, refused }) => [peer, seconds(downMs), seconds(upMs), refused])
  return table(["transport", "1 MB down", "1 MB up", "bodies refused"], rows)
}

/** A cell: the seconds, the ratio to raw `ws`, and the targets that were missed. */
function cellText(result, results) {
  if (result === undefined) return ""
  if (result.failed !== undefined) return "failed"
  const ratio = ratioOf(result, results)
  const time = result.ms === undefined ? `never, ${Math.floor(result.part * 100)} %` : seconds(result.ms)
  const isMissed = missesOf(result, results).length > 0
  const text = [
    time,
    result.peer === "ws" || ratio === undefined ? "" : `×${factor(ratio)}`,
    result.chatMs === undefined ? "" : `chat ${seconds(result.chatMs)}`,
  ].filter((part) => part !== "")
  return isMissed ? `**${text.join(" ")}**` : text.join(" ")
}

function linkOf({ roundTripMs, queueBytes }) {
  return `${roundTripMs} ms, ${short(queueBytes)}B`
}

function factor(number) {
  return number > 0 ? number.toFixed(2) : ""
}

function seconds(ms) {
  return ms === undefined ? "never" : `${(ms / 1_000).toFixed(ms < 9_950 ? 2 : 1)} s`
}

/** Groups values by key, in the order in which the keys first occur. */
function groups(list, key) {
  const byKey = new Map()
  for (const one of list) byKey.set(key(one), [...(byKey.get(key(one)) ?? []), one])
  return [...byKey.values()]
}

function table(heads, rows) {
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}
