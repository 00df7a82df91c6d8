import { CanarySet } from './canary-set.ts'
import { intersection } from './range-set.ts'

/** Those of `owed` behind which later canaries of their stream are here. A stream has one key, and hence keeps its order. */
export function overtaken(owed: CanarySet, here: CanarySet): CanarySet {
  const passed = new CanarySet()
  for (const stream of owed.streams()) {
    const last = here.last(stream)
    if (last > 0) passed.addAll([{ stream, ranges: intersection(owed.ranges(stream), [0, last - 1]) }])
  }
  return passed
}
