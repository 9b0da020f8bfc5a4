import { broadcast } from "./broadcast.mjs"
import { bytes } from "./bytes.mjs"
import { connect } from "./connect.mjs"
import { downstream } from "./downstream.mjs"
import { echo } from "./echo.mjs"
import { faults } from "./faults.mjs"
import { growth } from "./growth.mjs"
import { idle } from "./idle.mjs"
import { large } from "./large.mjs"
import { rooms } from "./rooms.mjs"
import { slow } from "./slow.mjs"
import { upstream } from "./upstream.mjs"

/** The workloads, in the order in which they run. A new workload is a file like these and a line here. */
export const workloads = [
  echo,
  upstream,
  downstream,
  broadcast,
  connect,
  idle,
  bytes,
  large,
  faults,
  growth,
  rooms,
  slow,
].map((workload) => (process.env.EVERWIRE_BEFORE === undefined ? workload : withBefore(workload)))

/** Adds the build of EVERWIRE_BEFORE to every case that measures everwire. Both take turns in each round. */
function withBefore(workload) {
  const beside = (one) => (one[0] === "everwire" ? [one, ["before", ...one.slice(1)]] : [one])
  return { ...workload, variants: workload.variants.map((each) => ({ ...each, cases: each.cases.flatMap(beside) })) }
}
