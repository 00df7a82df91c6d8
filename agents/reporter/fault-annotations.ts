import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import { isoTime } from '../../shared/runtime/clock.ts'
import { escaped, textOf, type Annotation } from './annotation.ts'

type Step = Fact<'fault-changed'>

const FAULTS_KEPT = 256

/**
 * Marks of faults while they happen: a point when one is injected, its window when it is healed, a point for how it ended.
 * The verdict's marks give a window again only where none was posted. A fold: what is read again gives nothing new.
 */
export class FaultMarks {
  readonly #injected = new Map<string, Step>()
  #isCaughtUp = false

  /** What is heard before is history, and was posted when it was told. */
  caughtUp(): void {
    this.#isCaughtUp = true
  }

  hear(fact: ResultMessage): Annotation[] {
    if (fact.kind !== 'fault-changed') return []
    const key = windowKey(fact)
    if (fact.phase === 'injected' && !this.#injected.has(key)) {
      this.#injected.set(key, fact)
      keepNewest(this.#injected, FAULTS_KEPT)
    }
    const injected = this.#injected.get(key)
    if (!this.#isCaughtUp || injected === undefined) return []
    switch (fact.phase) {
      case 'injected':
        return [mark(fact, `${key} begins`, `injected; its lease ends ${isoTime(fact.leaseUntilMs)} at the latest`)]
      case 'healed':
        return [{ ...mark(fact, key, 'healed; what became of the pipeline is told apart'), time: injected.atMs, timeEnd: fact.atMs }]
      case 'recovered':
      case 'not-recovered':
      case 'void':
      case 'heal-failed':
        return [mark(fact, `${key} ${fact.phase}`, endText(fact))]
      case 'journalled':
      case 'bit':
        return []
      default:
        return fact.phase satisfies never
    }
  }
}

/** A point in time, when the step was told. `text` is markup already. */
const mark = (step: Step, key: string, text: string): Annotation => ({
  key,
  time: step.atMs,
  tags: tagsOf(step),
  text: faultText(step, text),
})

const windowKey = ({ runId, stage }: Pick<Step, 'runId' | 'stage'>) => `fault ${runId} ${stage}`
const tagsOf = ({ fault, target }: Step) => ['assay', 'fault', `fault:${fault}`, `target:${target}`]
const faultText = ({ fault, target, runId }: Step, text: string) =>
  textOf(`<b>${escaped(fault)}</b> of ${escaped(target)}`, [`<li>${text}</li>`], `run ${escaped(runId)}`)

/** From injection to heal; to the verdict where none was told. */
export function faultWindows(runId: string, facts: readonly Fact<'fault-changed'>[], judgedAtMs: number): Annotation[] {
  const byStage = Map.groupBy(facts, ({ stage }) => stage)
  return [...byStage].flatMap(([stage, steps]): Annotation[] => {
    const at = (...phases: Fact<'fault-changed'>['phase'][]) => steps.find(({ phase }) => phases.includes(phase))
    const injected = at('injected')
    if (injected === undefined) return []
    const healed = at('healed')
    const end = at('recovered', 'not-recovered', 'heal-failed', 'void')
    return [
      {
        key: windowKey({ runId, stage }),
        time: injected.atMs,
        timeEnd: healed?.atMs ?? judgedAtMs,
        tags: tagsOf(injected),
        text: faultText(injected, healed === undefined ? 'no heal was told' : endText(end)),
      },
    ]
  })
}

function endText(end: Fact<'fault-changed'> | undefined): string {
  if (end === undefined) return 'healed; no recovery was told'
  if (end.phase === 'recovered' && end.recoveryMs !== null) return `recovered ${(end.recoveryMs / 1000).toFixed(1)} s after it was healed`
  return `${end.phase}: ${escaped(end.detail)}`
}
