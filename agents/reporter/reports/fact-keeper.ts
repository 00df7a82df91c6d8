import type { Fact, ResultMessage, RunFact } from '../../../schemas/results.ts'
import { isRunFact } from '../../../shared/core/run-book.ts'

/** What is kept of one run and of all, in characters of JSON. */
export const RUN_CHARS_MAX = 8 * 1024 * 1024
export const ALL_CHARS_MAX = 24 * 1024 * 1024
/** Those judged lately too: what comes later may amend their verdict. */
export const RUNS_MAX = 32
/** Findings come in floods; the rest of what a run says must not drown in them. */
const FINDINGS_CHARS_MAX = RUN_CHARS_MAX / 2

export interface KeptFacts {
  readonly lines: readonly string[]
  /** What other agents had logged, the latest that each instance told, by agent and instance. */
  readonly logs: ReadonlyMap<string, Fact<'log-told'>>
  readonly leftOut: readonly { readonly kind: string; readonly count: number }[]
}

interface RunFacts {
  readonly lines: string[]
  readonly logs: Map<string, Fact<'log-told'>>
  readonly own: Set<string>
  readonly leftOut: Map<string, number>
  chars: number
  findingsChars: number
}

const newRunFacts = (): RunFacts => ({
  lines: [],
  logs: new Map(),
  own: new Set(),
  leftOut: new Map(),
  chars: 0,
  findingsChars: 0,
})

/** Facts of the latest runs as JSON lines, for the archive of one that goes wrong. */
export class FactKeeper {
  readonly #runs = new Map<string, RunFacts>()
  #chars = 0

  hear(fact: ResultMessage): void {
    if (!isRunFact(fact)) return
    if (fact.kind === 'log-told') {
      this.#runs.get(fact.runId)?.logs.set(`${fact.agent}.${fact.instance}`, fact)
      return
    }
    this.#keep(fact)
    for (const runId of this.#runs.keys()) if (this.#runs.size > RUNS_MAX) this.#drop(runId)
  }

  of(runId: string): KeptFacts {
    const run = this.#runs.get(runId)
    const leftOut = [...(run?.leftOut ?? [])].map(([kind, count]) => ({ kind, count }))
    return { lines: run?.lines ?? [], logs: run?.logs ?? new Map(), leftOut }
  }

  #keep(fact: RunFact): void {
    const run: RunFacts = this.#runs.get(fact.runId) ?? newRunFacts()
    this.#runs.set(fact.runId, run)
    const line = JSON.stringify(fact)
    // The reporter hears what it says itself twice: at once, and from the topic.
    if (fact.agent === 'reporter') {
      if (run.own.has(line)) return
      run.own.add(line)
    }
    const isFinding = fact.kind === 'violation-found'
    if (run.chars + line.length > RUN_CHARS_MAX || (isFinding && run.findingsChars + line.length > FINDINGS_CHARS_MAX)) {
      run.leftOut.set(fact.kind, (run.leftOut.get(fact.kind) ?? 0) + 1)
      return
    }
    run.lines.push(line)
    run.chars += line.length
    if (isFinding) run.findingsChars += line.length
    this.#chars += line.length
    while (this.#chars > ALL_CHARS_MAX) this.#emptyOldest()
  }

  #drop(runId: string): void {
    this.#chars -= this.#runs.get(runId)?.chars ?? 0
    this.#runs.delete(runId)
  }

  #emptyOldest(): void {
    for (const run of this.#runs.values()) {
      if (run.lines.length === 0) continue
      run.leftOut.set('any, heard early', (run.leftOut.get('any, heard early') ?? 0) + run.lines.length)
      this.#chars -= run.chars
      run.lines.length = 0
      run.chars = run.findingsChars = 0
      return
    }
  }
}
