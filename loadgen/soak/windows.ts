import type { Verdict } from '../../schemas/parts.ts'
import type { Fact, ResultMessage } from '../../schemas/results.ts'

interface Window {
  readonly index: number
  readonly indexLast: number | null
  /** By revision and time: one heard twice is one. */
  readonly verdicts: Map<string, Fact<'run-judged'>>
}

export interface WindowCount {
  readonly windows: number
  readonly verdicts: Readonly<Record<Verdict, number>>
  /** Numbers between the first and the last window that are no run and were not told as missed. */
  readonly lost: readonly number[]
  readonly missed: number
  readonly judgedTwice: readonly number[]
  readonly unjudged: readonly number[]
  readonly amended: readonly number[]
  readonly reasons: readonly string[]
}

/** What the results topic says of the windows of one series. */
export class WindowBook {
  readonly #series: string
  readonly #windows = new Map<string, Window>()

  constructor(series: string) {
    this.#series = series
  }

  hear(fact: ResultMessage): void {
    if (fact.kind === 'run-accepted') {
      const { runId, window } = fact
      if (runId !== this.#series && window?.series !== this.#series) return
      if (!this.#windows.has(runId))
        this.#windows.set(runId, { index: window?.index ?? 0, indexLast: window?.indexLast ?? null, verdicts: new Map() })
    }
    if (fact.kind === 'run-judged') this.#windows.get(fact.runId)?.verdicts.set(`${fact.revision}/${fact.atMs}`, fact)
  }

  count(): WindowCount {
    const windows = [...this.#windows.values()].sort((a, b) => a.index - b.index)
    const verdicts = { pass: 0, fail: 0, inconclusive: 0 }
    const reasons: string[] = []
    for (const window of windows) {
      const latest = [...window.verdicts.values()].sort((a, b) => b.revision - a.revision)[0]
      if (latest === undefined) continue
      verdicts[latest.verdict]++
      reasons.push(...latest.reasons.map((reason) => `window ${window.index}: ${reason}`))
    }
    const covered = new Set(windows.flatMap(({ index, indexLast }) => spanOf(index, indexLast ?? index)))
    const indices = (of: (window: Window) => boolean) => windows.filter(of).map(({ index }) => index)
    const firsts = ({ verdicts: all }: Window) => [...all.values()].filter(({ revision }) => revision === 0).length
    return {
      windows: windows.length,
      verdicts,
      lost: spanOf(0, Math.max(-1, ...covered)).filter((index) => !covered.has(index)),
      missed: windows.reduce((sum, { index, indexLast }) => sum + (indexLast === null ? 0 : indexLast - index + 1), 0),
      judgedTwice: indices((window) => firsts(window) > 1),
      unjudged: indices((window) => window.verdicts.size === 0),
      amended: indices(({ verdicts: all }) => [...all.values()].some(({ revision }) => revision > 0)),
      reasons,
    }
  }
}

const spanOf = (first: number, last: number) => Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
