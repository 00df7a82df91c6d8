import { at, type Mutant } from './mutant.ts'

const times = at('shared/core/audit-times.ts')
const judge = at('shared/core/audit-judge.ts')
const topic = at('agents/ingestion-checker/times-reading.ts')
const topicTurn = at('agents/ingestion-checker/audit.ts')
const table = at('agents/storage-reconciler/times-reading.ts')
const tableTurn = at('agents/storage-reconciler/times.ts')

/** Mistakes in counting by event time. */
export const eventTimeMutants: readonly Mutant[] = [
  times('a missing row is none', 'if (found < count && startMs', 'if (found < count - 1 && startMs'),
  times('rows of before the audit make up for lost ones', 'if (found < count && startMs', 'if (found + before < count && startMs'),
  times('rows that were under way are too many', 'found > count + before + topic.unreadable', 'found > count + topic.unreadable'),
  times('rows of what nobody can read are too many', 'found > count + before + topic.unreadable', 'found > count + before'),
  times('what may be made up for is compared', 'before === 0 && !mayHoldMore', '!mayHoldMore'),
  times('what comes behind is too much', 'topic.unreadable && !mayHoldMore', 'topic.unreadable'),
  times('a window far ahead ends all before it', 'Math.min(newestMs, atMs)', 'newestMs'),
  times('records without a time are passed over', 'if (timeless > 0)', 'if (timeless < 0)'),
  judge(
    'tables that are counted are not judged',
    "...timedHops(run).map(({ name: hop }): AuditOfTable => ({ hop, way: 'event-time', state: timesState(told(hop)) })),",
    '',
  ),
  topic('windows before 1970 begin a window late', 'rest < 0n ? rest + lengthMicros : rest', 'rest'),
  topic('what other runs will delete is counted', 'this.#effect).isForeign) continue', 'this.#effect).isForeign && isBefore) continue'),
  topic('what came before the audit counts', 'const isBefore = offset < begunAt', 'const isBefore = offset < 0'),
  topic('what was removed before it was read is passed over', 'if (gone !== null) return { ...told', 'if (gone === null) return { ...told'),
  topicTurn(
    'a topic is counted while the run still writes',
    "stage.task !== 'audit-topics' || !isAllWritten(run)",
    "stage.task !== 'audit-topics'",
  ),
  table('rows that were there before count', '{ into: counts, sign: -1 }', '{ into: counts, sign: 1 }'),
  table('a compaction brings rows', "if (one.summary['operation'] !== 'append') return false", ''),
  table(
    'files that are in both are counted in one',
    'return { ...live, data: live.data.filter(({ path }) => !paths.has(path)) }',
    'return { ...live, data: [] }',
  ),
  table('files with such times are passed over', 'greatest >= BigInt(fromMs) * perMs', 'greatest > BigInt(untilMs) * perMs'),
  tableTurn('nobody waits for rows that come later', 'nowMs > passed.atMs + hop.hop.giveUpAfterMs', 'nowMs > passed.atMs'),
  tableTurn('a sink that has read has committed', ' && work.committedAtMs > passed.atMs', ''),
  tableTurn('one partition is all of them', 'ends.every(({ partition', 'ends.some(({ partition'),
  tableTurn('what came after the verdict stays lost', '!short.has(startMs) && isLostIn', 'short.has(startMs) && isLostIn'),
]
