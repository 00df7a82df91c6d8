import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { RunFact } from '../../schemas/results.ts'
import { liveRun, startLiveStack, type LiveRun, type LiveStack } from '../live/live-stack.ts'
import { passOver } from '../live/pass-over.ts'
import { examples, factsFile, type Example } from './examples.ts'

const SKIPPED = 1_000
const ATTEMPTS_MAX = 3
/** Slow enough for a busy machine: what it delays would stand in the reports. */
const load = { canaries: '12000', ratePerSecond: '500' }

/** How each example is brought about on a local stack of its own. */
const scenes: Readonly<Record<string, (live: LiveStack) => Promise<LiveRun>>> = {
  pass: (live) => liveRun(live, { plan: 'smoke', parameters: load }),
  'loss-in-normaliser': async (live) => {
    await live.stack.restart('normaliser', { NORMALISER_DEFECT: 'skip', NORMALISER_DEFECT_EVERY: '499' })
    return liveRun(live, { plan: 'smoke', parameters: load })
  },
  'loss-in-sink': (live) =>
    liveRun(live, {
      plan: 'smoke',
      parameters: load,
      inMidRun: { acknowledged: 5_000, act: () => passOver(live, SKIPPED) },
    }),
  'chaos-with-recovery': (live) => liveRun(live, { plan: 'smoke-chaos', parameters: load }),
  inconclusive: async (live) => {
    await live.stack.stopProcess('query-prober')
    return liveRun(live, { plan: 'smoke', parameters: load })
  },
}

/** Records real runs, again where the machine was in the way. Throws where none came out as the example is meant. */
export async function recordExamples(names: readonly string[], progress: (line: string) => void): Promise<void> {
  for (const example of examples.filter(({ name }) => names.includes(name))) await recordExample(example, progress)
}

async function recordExample({ name, verdict, reasons }: Example, progress: (line: string) => void): Promise<void> {
  let last = ''
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const live = await startLiveStack()
    try {
      const run = await scenes[name]?.(live)
      if (run === undefined) throw new Error(`no scene brings ${name} about`)
      last = `${run.judged.verdict} ${run.judged.reasons.join('; ')}`
      progress(`${name}: ${last}`)
      if (run.judged.verdict !== verdict || !run.judged.reasons.every((reason) => reasons.test(reason))) continue
      writeFileSync(factsFile(name), run.facts.map((fact) => `${JSON.stringify(withoutPlaces(fact))}\n`).join(''))
      return
    } finally {
      await live.stop()
    }
  }
  throw new Error(`${name}: expected ${verdict} for ${String(reasons)}, got ${last}`)
}

/** Names of files, not where they lay on the machine that recorded them. */
const withoutPlaces = (fact: RunFact): RunFact =>
  fact.kind === 'run-judged' ? { ...fact, reports: fact.reports.map((path) => basename(path)) } : fact
