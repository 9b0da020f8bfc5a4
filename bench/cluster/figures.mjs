/** The figures that are measured: title, unit, and digits. */
export const figures = {
  cpu: { title: "CPU of all servers", unit: "µs", digits: 2 },
  store: { title: "of the store", unit: "µs", digits: 2 },
  p50: { title: "p50", unit: "µs", digits: 0 },
  p99: { title: "p99", unit: "µs", digits: 0 },
  sender: { title: "CPU of the sender", unit: "µs", digits: 2 },
  receiver: { title: "of the receiver", unit: "µs", digits: 2 },
  perBusySecond: { title: "deliveries per CPU second of the busiest process", unit: "", digits: 0 },
}
