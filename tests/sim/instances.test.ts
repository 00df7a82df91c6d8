import { describe, expect, test } from 'vitest'
import type { AgentName } from '../../shared/core/agent.ts'
import { addPartition } from '../../shared/sim/disturbances.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { defects, mustBeFound, seeds, verdictOf } from './planted.ts'
import { hopNames } from './topology.ts'
import { simulate, type Scenario, type SimReport } from './world.ts'

const agents: AgentName[] = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter']
const share = (of: readonly unknown[], index: number) => seeds.filter((_, at) => at % of.length === index)

/** Instances that said something of the kind. */
const speakers = ({ facts }: SimReport, kind: string) =>
  new Set(facts.filter((fact) => fact.kind === kind).map(({ instance }) => instance)).size

const withCrew = (agent: AgentName, seed: number, scenario: Partial<Scenario> = {}) =>
  simulate({ seed, defect: 'none', crew: { agent, size: 2 + (seed % 2) }, ...scenario })

/** Ten seconds: whoever comes within nine finds something to share. */
const LONG = { canaries: 120, ratePerSecond: 12 }

/** Killed with everything in doubt: then there is no evidence, and no pass. */
const passOrNothing = ({ verdict }: SimReport) => (verdict.acknowledged === 0 ? 'inconclusive' : 'pass')

const said = (seed: number, { verdict, found }: SimReport) => ({ seed, verdict: verdict.verdict, found })

describe('two or three instances of one agent, that come, leave and are killed in mid-run', () => {
  test.each(agents)('accuse no faithful pipeline (%s)', (agent) => {
    for (const seed of share(agents, agents.indexOf(agent))) {
      const report = withCrew(agent, seed)
      expect({ ...said(seed, report), reasons: report.verdict.verdict === 'pass' ? report.verdict.reasons : [] }).toEqual({
        seed,
        verdict: passOrNothing(report),
        found: [],
        reasons: [],
      })
    }
  })

  test.each(defects)('name exactly the records of a planted %s', (defect) => {
    let plantedRuns = 0
    for (const [index, seed] of share(defects, defects.indexOf(defect)).entries()) {
      const report = withCrew(agents[index % agents.length] as AgentName, seed, { defect })
      const expected = mustBeFound(defect, report)
      // What nobody vouched for is owed by nobody, and behind the last that was written nothing comes that would prove a loss.
      if (report.verdict.acknowledged === 0) {
        expect({ seed, beyond: report.found.filter((text) => !expected.includes(text)) }).toEqual({ seed, beyond: [] })
        continue
      }
      if (expected.length > 0) plantedRuns++
      expect(said(seed, report)).toEqual({ seed, verdict: verdictOf(expected, report), found: expected })
    }
    expect(plantedRuns).toBeGreaterThan(seeds.length / defects.length / 3)
  })

  test('publish the verdict that the topics alone give', () => {
    for (const seed of seeds.slice(0, 60)) {
      const defect = defects[seed % defects.length] as PlantedDefect
      const { verdict, recomputed } = withCrew(agents[seed % agents.length] as AgentName, seed, { defect })
      expect({ ...verdict, ...recomputed }).toEqual(verdict)
    }
  })
})

describe('instances of the checker', () => {
  const own = seeds.slice(0, 60)
  test('read partitions of their own, and each says of the hops it judges when they are done', () => {
    let shared = 0
    let parts = 0
    for (const seed of own) {
      const report = withCrew('ingestion-checker', seed, { load: LONG })
      expect(said(seed, report)).toEqual({ seed, verdict: 'pass', found: [] })
      if (speakers(report, 'hop-sighted') > 1) shared++
      if (speakers(report, 'part-ended') > 1) parts++
    }
    expect(shared).toBeGreaterThan(own.length / 2)
    expect(parts).toBeGreaterThan(own.length / 10)
  })

  test.each(['skip', 'double', 'change', 'reorder', 'delay', 'skip-raw'] as const)(
    'name exactly the records of a planted %s while they share',
    (defect) => {
      let shared = 0
      for (const seed of seeds.slice(0, 24)) {
        const report = withCrew('ingestion-checker', seed, { defect, load: LONG })
        const expected = mustBeFound(defect, report)
        expect(said(seed, report)).toEqual({ seed, verdict: verdictOf(expected, report), found: expected })
        if (expected.length > 0 && speakers(report, 'hop-sighted') > 1) shared++
      }
      expect(shared).toBeGreaterThan(6)
    },
  )

  test('see that a canary stands in partitions of two of them', () => {
    let planted = 0
    for (const seed of own.slice(0, 40)) {
      let copied: string[] = []
      const report = withCrew('ingestion-checker', seed, {
        load: LONG,
        disturbAtMs: 9_000,
        disturb: ({ normalised: [first, second] }) => {
          const last = first?.entries.at(-1)
          if (last === undefined || second === undefined) return
          second.append({ stream: last.stream, seq: last.seq, fault: last.fault }, last.atMs)
          copied = [`duplicated ${hopNames.normalised} ${last.stream}/${last.seq}`]
        },
      })
      // The sink writes both; that is the topic's doing, and told there.
      const found = report.found.filter((text) => !text.includes(hopNames.table))
      expect({ seed, verdict: report.verdict.verdict, found }).toEqual({
        seed,
        verdict: copied.length > 0 ? 'fail' : 'pass',
        found: copied,
      })
      planted += copied.length
    }
    expect(planted).toBeGreaterThan(20)
  })

  test('accuse nobody when partitions are added, though streams move by it', () => {
    for (const seed of own.slice(0, 40))
      expect(said(seed, withCrew('ingestion-checker', seed, { disturb: addPartition }))).toEqual({ seed, verdict: 'pass', found: [] })
  })
})

describe('instances of the generator', () => {
  test('write no canary twice and none before those that are before it', () => {
    let shared = 0
    for (const seed of seeds.slice(0, 60)) {
      const report = withCrew('generator', seed, { load: LONG })
      expect(said(seed, report)).toEqual({ seed, verdict: 'pass', found: [] })
      const written = report.pipeline.raw.flatMap(({ entries }) => entries.map(({ stream, seq }) => `${stream}/${seq}`))
      expect({ seed, twice: written.length - new Set(written).size }).toEqual({ seed, twice: 0 })
      if (speakers(report, 'canaries-produced') > 1) shared++
    }
    expect(shared).toBeGreaterThan(15)
  })
})

describe('two instances that never hear of each other, and both do everything', () => {
  const apart = (agent: AgentName) => ({ crew: { agent, size: 2, isApart: true } })
  test.each(agents)('accuse no faithful pipeline (%s)', (agent) => {
    for (const seed of share(agents, agents.indexOf(agent))) {
      const report = withCrew(agent, seed, apart(agent))
      expect(said(seed, report)).toEqual({ seed, verdict: passOrNothing(report), found: [] })
    }
  })

  test.each(agents)('name exactly the records of a planted defect (%s)', (agent) => {
    let planted = 0
    for (const [index, seed] of share(agents, agents.indexOf(agent)).entries()) {
      const defect = defects[index % defects.length] as PlantedDefect
      const report = withCrew(agent, seed, { defect, ...apart(agent) })
      const expected = mustBeFound(defect, report)
      if (report.verdict.acknowledged === 0) continue
      expect({ defect, ...said(seed, report) }).toEqual({ defect, seed, verdict: verdictOf(expected, report), found: expected })
      if (expected.length > 0) planted++
    }
    expect(planted).toBeGreaterThan(5)
  })
})

test('instances of the injector see a paused sink recover, and hold nothing against it', () => {
  let recovered = 0
  for (const seed of seeds.slice(0, 60)) {
    const report = withCrew('chaos-injector', seed, { pauses: true })
    const isVoid = report.verdict.reasons.join().includes('did not take hold')
    expect(said(seed, report)).toEqual({ seed, verdict: isVoid ? 'inconclusive' : 'pass', found: [] })
    if (!isVoid) recovered++
  }
  expect(recovered).toBeGreaterThan(30)
})
