import { describe, expect, test } from 'vitest'
import type { ControlMessage } from '../../schemas/control.ts'
import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { resolvedRun } from '../../topology/resolved-run.ts'
import { ANSWER_TURN_MS, foldBase, initBase, resolveRequest, type AgentBase, type AgentBaseConfig } from './acceptance.ts'
import { agentNames, type AgentName } from './agent.ts'
import type { BusEffect, BusEvent } from './bus-events.ts'
import { RUN, chaosPlan, recordSchema, requested, smokePlan, told, topology } from './told-run.fixture.ts'

const plans = new Map([
  [
    'smoke',
    JSON.stringify({ ...smokePlan, name: 'smoke', parameters: { canaries: '40' } }).replace('"canaries":40', '"canaries":"{{canaries}}"'),
  ],
  ['chaos', JSON.stringify(chaosPlan)],
])
const configOf = (agent: AgentName, said: Partial<AgentBaseConfig> = {}): AgentBaseConfig => ({
  speaker: { agent, instance: '1' },
  plans,
  topology,
  recordSchema,
  ...said,
})
const request = (said: Partial<Extract<ControlMessage, { kind: 'run-requested' }>> = {}, offset = 0): BusEvent => ({
  type: 'control',
  offset,
  atMs: 5,
  message: requested({ plan: 'smoke', ...said }),
})

/** Folds events, then ticks until an answer or the turns of all are over. */
function answersOf(base: AgentBase, ...events: BusEvent[]): BusEffect[] {
  for (const event of events) foldBase(base, event)
  foldBase(base, { type: 'caught-up', atMs: 1_000 })
  const effects: BusEffect[] = []
  for (let atMs = 1_000; atMs < 8_000 && effects.length === 0; atMs += 200) effects.push(...foldBase(base, { type: 'tick', atMs }))
  return effects
}
const answer = (...events: BusEvent[]) => {
  const [effect] = answersOf(initBase(configOf('generator')), ...events)
  return effect?.type === 'publish' ? effect.fact : null
}

describe('a request', () => {
  test('for a plan that is known becomes a run with everything that judging needs', () => {
    const fact = answer(request({ parameters: { canaries: '24' } }, 9)) as Fact<'run-accepted'>
    expect(fact).toMatchObject({
      kind: 'run-accepted',
      runId: RUN,
      controlOffset: 9,
      requestedAtMs: 5,
      requestedBy: 'told',
      planName: 'smoke',
      agent: 'generator',
    })
    const resolved = resolvedRun.parse(JSON.parse(fact.resolved))
    expect(resolved).toMatchObject({ plan: { load: { canaries: 24 } }, chaosTargets: ['sink'], topology: 'told' })
  })

  test('may bring its plan along', () => {
    expect(answer(request({ plan: JSON.stringify({ ...smokePlan, name: 'mine' }) }))).toMatchObject({
      kind: 'run-accepted',
      planName: 'mine',
    })
  })

  test('makes the same run whoever resolves it: the seed comes from the run id', () => {
    const pending = { runId: RUN, controlOffset: 0, atMs: 5, message: requested({ plan: 'smoke' }) }
    const [one, two] = [resolveRequest(configOf('generator'), pending), resolveRequest(configOf('reporter'), pending)]
    expect(one).toEqual(two)
    expect(resolveRequest(configOf('generator'), { ...pending, runId: RUN.replace(/1$/, '2') })).not.toEqual(one)
  })

  test('carries no address, key or header of the pipeline to the results topic', () => {
    const fact = answer(request()) as Fact<'run-accepted'>
    for (const secret of ['secret', 'told:9092', 'http://told', 'accessKey']) expect(fact.resolved).not.toContain(secret)
    expect(fact.resolved).toContain('"url":"/{symbol}"')
  })

  const inline = (plan: object) => request({ plan: JSON.stringify(plan) })
  const withFault = (said: object) =>
    inline({ ...chaosPlan, stages: chaosPlan.stages.map((stage) => (stage.stage === 'pause-sink' ? { ...stage, ...said } : stage)) })

  test.each<[what: string, event: BusEvent, problem: RegExp]>([
    ['for a plan nobody knows', request({ plan: 'nope' }), /^plan: no plan is named nope; there are smoke, chaos$/],
    [
      'with a parameter the plan has not',
      request({ parameters: { rate: '1' } }),
      /smoke\.yaml:1 parameters\.rate: the plan has no such parameter \(it has: canaries\)/,
    ],
    [
      'with a parameter that is no number',
      request({ parameters: { canaries: 'many' } }),
      /smoke\.yaml:1 load\.canaries: .*expected number/,
    ],
    [
      'with a plan that breaks the schema',
      inline({ ...smokePlan, load: { canaries: 0, ratePerSecond: 1 } }),
      /inline plan:1 load\.canaries: .*>0/,
    ],
    ['with a field nobody knows', inline({ ...smokePlan, speed: 1 }), /inline plan:1 .*speed/],
    ['with stages in a circle', inline({ ...smokePlan, stages: [{ stage: 'a', task: 'produce', needs: ['a'] }] }), /circle: a → a/],
    [
      'for chaos where nobody opted in',
      withFault({ target: 'broker' }),
      /^stages\.pause-sink\.target: broker is not opted in for chaos by topology told \(opted in: sink\)$/,
    ],
    ['for a lease that is too long', withFault({ leaseMs: 20_001 }), /leaseMs: 20001 is more than the 20000 that sink allows/],
    ['for a fault longer than its lease', withFault({ durationMs: 5_001 }), /durationMs: 5001 does not fit the lease of 5000/],
  ])('%s is refused, and told why', (...[, event, problem]) => {
    const fact = answer(event)
    expect(fact).toMatchObject({ kind: 'request-refused', controlOffset: 0, problems: [expect.stringMatching(problem)] })
  })

  test('that does not fit the record is refused: a topology that names a field the schema has not', () => {
    const config = configOf('generator', { topology: { ...topology, record: { ...topology.record, identity: 'id' } } })
    const [effect] = answersOf(initBase(config), request())
    expect(effect).toMatchObject({ fact: { kind: 'request-refused', problems: [expect.stringContaining('topology names field id')] } })
  })

  test('that does not fit the record is refused: a range whose end is before its start', () => {
    const fields = { price: { range: ['2', '1.999999'] as [string, string], edges: true } }
    const config = configOf('generator', { topology: { ...topology, record: { ...topology.record, fields } } })
    const [effect] = answersOf(initBase(config), request())
    expect(effect).toMatchObject({ fact: { kind: 'request-refused', problems: [expect.stringContaining('price')] } })
  })

  test('that does not fit the record is refused: a value that the type of its field cannot hold', () => {
    const marker = { field: 'price', value: 'XTST' }
    const config = configOf('generator', { topology: { ...topology, record: { ...topology.record, marker } } })
    const [effect] = answersOf(initBase(config), request())
    const problems = ['record.marker: expected a field of type string or enum, got price of type decimal']
    expect(effect).toMatchObject({ fact: { kind: 'request-refused', problems } })
  })

  test('that nobody can read is refused with its start', () => {
    const event: BusEvent = { type: 'control-unreadable', offset: 3, problems: ['kind: expected …, got 7'], excerpt: '{"kind":7}' }
    expect(answer(event)).toMatchObject({
      kind: 'request-refused',
      controlOffset: 3,
      problems: ['kind: expected …, got 7'],
      excerpt: '{"kind":7}',
    })
  })
})

describe('answering', () => {
  const both: BusEvent[] = [request(), { type: 'control-unreadable', offset: 1, problems: ['x'], excerpt: '' }]

  test('is done once in practice: six agents on one bus answer each request once', () => {
    const bases = agentNames.map((agent) => initBase(configOf(agent)))
    for (const base of bases) for (const event of [...both, { type: 'caught-up', atMs: 1_000 } as const]) foldBase(base, event)
    const said: ResultMessage[] = []
    for (let atMs = 1_000; atMs < 10_000; atMs += 200) {
      for (const base of bases) {
        for (const effect of foldBase(base, { type: 'tick', atMs })) {
          if (effect.type !== 'publish') continue
          said.push(effect.fact)
          for (const other of bases) foldBase(other, { type: 'fact', fact: effect.fact })
        }
      }
    }
    expect(said.map(({ kind, agent }) => `${kind} ${agent}`).sort()).toEqual(['request-refused generator', 'run-accepted generator'])
  })

  test.each(agentNames.map((agent, turn) => [agent, turn] as const))(
    'is done by %s when all before it are silent, at its turn',
    (agent, turn) => {
      const base = initBase(configOf(agent))
      for (const event of both) foldBase(base, event)
      foldBase(base, { type: 'caught-up', atMs: 1_000 })
      const at = (atMs: number) => foldBase(base, { type: 'tick', atMs }).length
      const dueMs = 1_000 + turn * ANSWER_TURN_MS
      expect(at(1_000)).toBe(turn === 0 ? 2 : 0)
      if (turn > 0) expect([at(dueMs - 1), at(dueMs)]).toEqual([0, 2])
      // What was answered is not answered again, before it is heard on the topic or after.
      expect(at(dueMs + 60_000)).toBe(0)
    },
  )

  test('waits until both topics are read: the answer may stand there already', () => {
    const base = initBase(configOf('generator'))
    for (const event of both) foldBase(base, event)
    expect(foldBase(base, { type: 'tick', atMs: 60_000 })).toEqual([])
    foldBase(base, { type: 'fact', fact: told('run-accepted') })
    foldBase(base, { type: 'fact', fact: told('request-refused', { controlOffset: 1 }) })
    foldBase(base, { type: 'caught-up', atMs: 61_000 })
    expect(foldBase(base, { type: 'tick', atMs: 120_000 })).toEqual([])
  })

  test('is not done for what another has refused, even when the refusal is heard before the request', () => {
    const refused = [0, 1].map((controlOffset): BusEvent => ({ type: 'fact', fact: told('request-refused', { controlOffset }) }))
    expect(answersOf(initBase(configOf('generator')), ...refused, ...both)).toEqual([])
    expect(answersOf(initBase(configOf('generator')), ...both, ...refused)).toEqual([])
  })
})

describe('a series', () => {
  const rolling: BusEvent = request({ plan: JSON.stringify({ ...smokePlan, repeatEveryMs: 60_000 }) })
  const asked = (agent: AgentName) => {
    const base = initBase(configOf(agent))
    answersOf(base, rolling)
    return [61_000, 61_200, 90_000, 125_000]
      .flatMap((atMs) => foldBase(base, { type: 'tick', atMs }))
      .filter(({ type }) => type === 'request')
  }

  test('is carried on by two agents, each asking now and then until a window is known, for the same runs', () => {
    const ids = asked('generator').map((effect) => (effect.type === 'request' ? effect.message.runId : null))
    expect([ids.length, new Set(ids).size]).toEqual([3, 2])
    expect(asked('reporter')).toEqual(asked('generator'))
    expect(asked('query-prober')).toEqual([])
  })

  test('that was cancelled makes no run of a window asked for too late, and its end is said again behind it', () => {
    const [effect] = asked('generator')
    if (effect?.type !== 'request') throw new Error('nothing was asked for')
    const base = initBase(configOf('generator'))
    answersOf(base, rolling)
    const cancelled = { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } as const
    foldBase(base, { type: 'control', offset: 1, atMs: 61_000, message: cancelled })
    foldBase(base, { type: 'control', offset: 2, atMs: 61_010, message: effect.message })
    expect(foldBase(base, { type: 'tick', atMs: 61_100 })).toMatchObject([
      { type: 'request', message: { kind: 'run-cancelled', runId: RUN } },
      { type: 'publish', fact: { kind: 'request-refused', controlOffset: 2, problems: [`window.series: ${RUN} was cancelled`] } },
    ])
    expect(foldBase(base, { type: 'tick', atMs: 61_300 })).toEqual([])
  })

  test('asks for what is accepted again as it was', () => {
    const [effect] = asked('generator')
    if (effect?.type !== 'request' || effect.message.kind !== 'run-requested') throw new Error('nothing was asked for')
    const run = answer({ type: 'control', offset: 1, atMs: 61_000, message: effect.message })
    expect(run).toMatchObject({ kind: 'run-accepted', planName: 'told', window: { series: RUN, index: 1 } })
  })
})
