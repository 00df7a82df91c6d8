import { expect, test } from 'vitest'
import { RUN, TABLE, resolvedOf } from '../../shared/core/told-run.fixture.ts'
import { createLog } from '../../shared/runtime/log.ts'
import type { AuditEffect, AuditEvent } from './audit.ts'
import { TopicAuditor } from './topic-auditor.ts'

const at = { runId: RUN, hop: TABLE, topic: 'clean' }
const wanted = { partition: 0, offsetFirst: 4, offsetLast: 9, step: 6, fields: [], lastRecord: null, round: 0, toldAtMs: 0, mayCome: false }
const effects: AuditEffect[] = [
  { type: 'audit-baseline', runId: RUN, of: [{ hop: TABLE, topic: 'clean' }] },
  { type: 'audit-ends', ...at, isLast: true },
  { type: 'audit-prints', ...at, wanted: [wanted], columns: [], resolved: resolvedOf() },
  { type: 'audit-records', ...at, wanted: [{ ...wanted, offset: 4 }], resolved: resolvedOf() },
]

async function answersOf(topicOffsets: () => Promise<{ partition: number; low: number; high: number }[]>): Promise<AuditEvent[]> {
  const auditor = new TopicAuditor({
    admin: { topicOffsets },
    read: () => Promise.resolve(),
    codecOf: () => Promise.reject(new Error('nothing was read')),
    log: createLog({ agent: 'ingestion-checker', instance: 't', level: 'silent' }),
    metrics: { add: () => undefined } as never,
  })
  const answers: AuditEvent[] = []
  for (const effect of effects) await auditor.perform(effect, (event) => answers.push(event))
  return answers
}

test('every wish is answered', async () => {
  const answers = await answersOf(() => Promise.resolve([{ partition: 0, low: 4, high: 10 }]))
  expect(answers).toEqual([
    { type: 'audit-baselined', runId: RUN, positions: [{ hop: TABLE, partition: 0, offset: 10 }] },
    { type: 'audit-ends-seen', runId: RUN, hop: TABLE, ends: new Map([[0, 10]]), isLast: true },
    expect.objectContaining({ type: 'audit-prints-read', prints: [expect.objectContaining({ gone: null, lastRecord: null })] }),
    expect.objectContaining({ type: 'audit-records-read', records: [expect.objectContaining({ offsets: [4], records: [], gone: null })] }),
  ])
})

test('a broker that is away is trouble of ours; a beginning is asked for again by itself', async () => {
  const answers = await answersOf(() => Promise.reject(new Error('broker away')))
  expect(answers).toEqual(Array.from({ length: 3 }, () => ({ type: 'audit-trouble', runId: RUN, hop: TABLE, reason: 'broker away' })))
})
