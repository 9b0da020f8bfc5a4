import * as vega from "vega"
import * as vegaLite from "vega-lite"
import { ratioOf, samplesOf, summarise, variantOf } from "./results.mjs"

const PEERS = ["ws", "http", "everwire", "socket.io", "primus", "sockjs", "floor", "by-hand"]
const COLOURS = ["#8a8f98", "#b9bdc4", "#0b6bcb", "#d9822b", "#5f9e6e", "#a563a8", "#d6b300", "#8c6d46"]
const peer = { field: "peer", type: "nominal", scale: { domain: PEERS, range: COLOURS }, title: null }

/** The plots as SVG, by name. */
export async function plot(results) {
  return {
    cpu: await draw(cpuPlot(results)),
    growth: await draw(growthPlot(results)),
    idle: await draw(idlePlot(results)),
  }
}

/** Server CPU per message of every workload, as a ratio to raw `ws` (or bare `http` where there is no WebSocket). */
function cpuPlot(results) {
  const values = results.flatMap(({ workload, variant, cases }) => {
    if (workload === "growth" || workload === "rooms") return []
    const { peer, transport } = cases[0]
    return cases.slice(1).flatMap((one) => {
      const ratio = ratioOf({ cases }, [one.peer, one.transport], [peer, transport], "cpu")
      if (ratio === undefined || Number.isNaN(ratio.median)) return []
      const over = one.transport === "websocket" || workload === "echo" ? "" : ` over ${one.transport}`
      return [{ figure: `${workload}, ${variant}${variant === one.transport ? "" : over}`, peer: one.peer, ...ratio }]
    })
  })
  const y = { field: "figure", type: "nominal", sort: null, title: null, axis: { labelLimit: 400, grid: true } }
  const x = {
    type: "quantitative",
    scale: { type: "log", nice: false, padding: 20 },
    axis: { values: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] },
    title: "server CPU per message, ratio to raw ws or bare http",
  }
  return {
    width: 460,
    data: { values },
    encoding: { y, color: peer },
    layer: [
      {
        mark: { type: "rule", color: "#444", strokeDash: [4, 3] },
        encoding: { x: { datum: 1 }, y: { value: 0 }, y2: { value: "height" }, color: { value: "#444" } },
      },
      { mark: { type: "rule", opacity: 0.5 }, encoding: { x: { ...x, field: "min" }, x2: { field: "max" } } },
      { mark: { type: "point", filled: true, size: 70, opacity: 1 }, encoding: { x: { ...x, field: "median" } } },
    ],
  }
}

function growthPlot(results) {
  const values = results.flatMap(({ workload, variant, cases }) => {
    if (workload !== "growth") return []
    return cases.flatMap(({ peer, transport, samples }) =>
      samples === undefined
        ? []
        : [{ clients: Number.parseInt(variant, 10), peer, ...medianOf({ cases }, [peer, transport], "cpu") }],
    )
  })
  return {
    width: 460,
    height: 220,
    data: { values },
    encoding: {
      x: { field: "clients", type: "quantitative", scale: { type: "log" }, axis: { values: [100, 1_000, 10_000] } },
      color: peer,
    },
    layer: [
      {
        mark: { type: "line", point: true },
        encoding: { y: { field: "median", type: "quantitative", title: "server CPU per delivery, µs" } },
      },
      {
        mark: { type: "rule", opacity: 0.5 },
        encoding: { y: { field: "min", type: "quantitative" }, y2: { field: "max" } },
      },
    ],
  }
}

function idlePlot(results) {
  const variant = variantOf(results, "idle", "websocket")
  const values = (variant?.cases ?? []).flatMap(({ peer, transport }) =>
    ["heap", "rss"].flatMap((figure) => {
      const samples = samplesOf(variant, [peer, transport], figure)
      return samples === undefined ? [] : [{ peer, figure, kib: summarise(samples).median / 1024 }]
    }),
  )
  return {
    width: 200,
    data: { values },
    mark: "bar",
    encoding: {
      column: { field: "figure", title: null },
      y: { field: "peer", type: "nominal", sort: PEERS, title: null },
      x: { field: "kib", type: "quantitative", title: "KiB per idle connection" },
      color: { ...peer, legend: null },
    },
  }
}

function medianOf(variant, one, figure) {
  return summarise(samplesOf(variant, one, figure))
}

function draw(spec) {
  const config = { background: "white", font: "sans-serif", view: { stroke: null } }
  return new vega.View(vega.parse(vegaLite.compile({ ...spec, config }).spec), { renderer: "none" }).toSVG()
}
