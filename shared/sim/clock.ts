/** Virtual time. Nothing waits: the clock jumps to the next timer, so a minute costs milliseconds. */
export interface SimClock {
  nowMs(): number
  at(atMs: number, run: () => void): void
  later(delayMs: number, run: () => void): void
  /** Runs timers in order until `done` says so. Throws when nothing is left to run, or after `stepsMax`. */
  runUntil(done: () => boolean, stepsMax: number): void
}

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export function createSimClock(startMs: number): SimClock {
  const heap: Timer[] = []
  let nowMs = startMs
  let order = 0
  // Ties break by order of arrival; without that, equal times would depend on the heap.
  const before = (a: Timer, b: Timer) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
  const at = (atMs: number, run: () => void) => {
    heap.push({ atMs: Math.max(atMs, nowMs), order: order++, run })
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1
      if (!before(heap[i] as Timer, heap[parent] as Timer)) break
      swap(heap, i, parent)
      i = parent
    }
  }
  const take = (): Timer | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let i = 0; ;) {
      const left = i * 2 + 1
      let least = i
      for (const child of [left, left + 1]) if (child < heap.length && before(heap[child] as Timer, heap[least] as Timer)) least = child
      if (least === i) return first
      swap(heap, i, least)
      i = least
    }
  }
  return {
    nowMs: () => nowMs,
    at,
    later: (delayMs, run) => {
      at(nowMs + delayMs, run)
    },
    runUntil(done, stepsMax) {
      for (let steps = 0; !done(); steps++) {
        const next = take()
        if (next === undefined) throw new Error('nothing is left to run, and it is not done')
        if (steps === stepsMax) throw new Error(`not done after ${stepsMax} steps, at ${nowMs - startMs} ms`)
        nowMs = next.atMs
        next.run()
      }
    },
  }
}

function swap(heap: Timer[], a: number, b: number): void {
  const held = heap[a] as Timer
  heap[a] = heap[b] as Timer
  heap[b] = held
}
