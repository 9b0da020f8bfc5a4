/** The figures that are measured: title, unit, digits, and whether more is better. */
export const figures = {
  cpu: { title: "CPU of all servers", unit: "µs", digits: 2 },
  store: { title: "CPU of what joins them", unit: "µs", digits: 2 },
  p50: { title: "p50", unit: "µs", digits: 0 },
  p99: { title: "p99", unit: "µs", digits: 0 },
  sender: { title: "CPU of the sender", unit: "µs", digits: 1 },
  receiver: { title: "of the receiver", unit: "µs", digits: 1 },
  perBusySecond: { title: "deliveries in a CPU second of the busiest process", digits: 0 },
  heapOwner: { title: "heap at its process", unit: "B", digits: 0 },
  heapOther: { title: "at the other", unit: "B", digits: 0 },
  beat: { title: "CPU of all servers for a heartbeat", unit: "µs", digits: 1 },
  heardBeat: { title: "CPU of who hears it", unit: "µs", digits: 1 },
  deliveredBeat: { title: "CPU of what joins them, for each hearer", unit: "µs", digits: 2 },
}
