/** The median and the range of some numbers. */
export function summarise(samples) {
  const sorted = samples.toSorted((a, b) => a - b)
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1] }
}

/** One variant of one workload in the results; undefined when it was not run. */
export function variantOf(results, workload, variant) {
  return results.find((one) => one.workload === workload && one.variant === variant)
}

/** The results of one peer; undefined when it was not run or failed. */
export function samplesOf(variant, [peer, transport], figure) {
  return variant?.cases.find((one) => one.peer === peer && one.transport === transport)?.samples?.map((s) => s[figure])
}

/** The ratio of a figure to another peer's: the median of the ratios of the single rounds. */
export function ratioOf(variant, one, to, figure) {
  const samples = samplesOf(variant, one, figure)
  const others = samplesOf(variant, to, figure)
  if (samples === undefined || others === undefined) return undefined
  return summarise(samples.map((sample, round) => sample / others[round]))
}
