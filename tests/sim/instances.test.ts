import { describe, expect, test } from 'vitest'
import type { AgentName } from '../../shared/core/agent.ts'
import { addPartition } from '../../shared/sim/disturbances.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { defects, mustBeFound, seeds } from './planted.ts'
import { simulate } from './world.ts'

const agents: AgentName[] = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter']
const some = seeds.slice(0, Math.max(60, seeds.length / 5))

/** Instances that said something of the kind: several of them must have worked, or nothing was shared. */
const speakers = (facts: ReturnType<typeof simulate>['facts'], kind: string) =>
  new Set(facts.filter((fact) => fact.kind === kind).map(({ instance }) => instance)).size

describe('two or three instances of one agent, that come, leave and are killed in mid-run', () => {
  test.each(agents)('of %s accuse no faithful pipeline', (agent) => {
    for (const seed of some) {
      const { verdict, found } = simulate({ seed, defect: 'none', crew: { agent, size: 2 + (seed % 2) } })
      expect({ seed, verdict: verdict.verdict, found, reasons: verdict.reasons }).toEqual({ seed, verdict: 'pass', found: [], reasons: [] })
    }
  })
})
