/** The figures that are measured: title, unit, and whether higher is better. */
export const figures = {
  cpu: { title: "server CPU", unit: "s per million", digits: 2 },
  kernel: { title: "of it in the kernel", unit: "s per million", digits: 2 },
  p50: { title: "p50", unit: "µs", digits: 0 },
  p99: { title: "p99", unit: "µs", digits: 0 },
  perSecond: { title: "throughput", unit: "per s", digits: 0, more: true },
  last: { title: "time to the last", unit: "ms", digits: 1 },
  heap: { title: "heap", unit: "B per connection", digits: 0 },
  rss: { title: "RSS", unit: "B per connection", digits: 0 },
  idleCpu: { title: "server CPU", unit: "s in 30 s", digits: 2 },
  idleKernel: { title: "of it in the kernel", unit: "s in 30 s", digits: 2 },
  up: { title: "up", unit: "B per message", digits: 2 },
  down: { title: "down", unit: "B per message", digits: 2 },
  handshake: { title: "handshake", unit: "B", digits: 0 },
  megabytes: { title: "echoed", unit: "MB/s", digits: 1, more: true },
  first: { title: "first message", unit: "ms", digits: 0 },
}
