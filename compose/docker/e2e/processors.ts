import { cpus } from 'node:os'

/** Since it was called, the share of time in which this machine's processors were busy: agents that starve tell less. */
export function busySince(): () => string {
  const total = () =>
    cpus().reduce(
      (sum, { times }) => ({ idle: sum.idle + times.idle, all: sum.all + Object.values(times).reduce((all, ms) => all + ms, 0) }),
      { idle: 0, all: 0 },
    )
  const from = total()
  return () => {
    const to = total()
    return `${(100 * (1 - (to.idle - from.idle) / Math.max(1, to.all - from.all))).toFixed(0)} %`
  }
}
