import type { AuditSide } from '../../schemas/results/audit-window.ts'
import type { AuditedRecord } from '../../schemas/results/audit-records.ts'
import type { OffsetRange } from '../../schemas/parts.ts'
import { IntervalPrints } from './audit-print.ts'
import { auditState, type AuditState } from './audit-state.ts'
import { foldAudit, type Audit, type AuditFact } from './audit.ts'
import { fnv1a } from './prng.ts'
import { TABLE, told } from './told-run.fixture.ts'

/** Texts of the records at each offset of partition 0. */
export type Side = ReadonlyMap<number, readonly string[]>

/** In the place of a text: a record of the topic that nobody can read, and a canary of another run. */
export const UNREADABLE = 'unreadable'
export const FOREIGN = 'foreign'

export const nobody = { stream: null, seq: null, isForeign: false, traceId: null, file: null }
export const record = (offset: number, values: (string | null)[], said: Partial<AuditedRecord> = {}): AuditedRecord => ({
  offset,
  values,
  ...nobody,
  ...said,
})

const fields = [{ field: 'symbol', as: 'text' as const }]

/**
 * Both sides answer all that is wanted, until nothing is any more; `facts` are all that was told. With `later` all windows are
 * then opened anew, and the table is as that says.
 */
export function playAudit(
  topic: Side,
  table: Side,
  { windows, later = table }: { readonly windows: readonly OffsetRange[]; readonly later?: Side },
): { state: AuditState; facts: AuditFact[]; rounds: number } {
  const audits = new Map<string, Audit>()
  const facts: AuditFact[] = []
  const say = (fact: AuditFact) => {
    facts.push(fact)
    foldAudit(audits, fact)
  }
  say(told('audit-due', { windows: [...windows], isLast: true }))
  let isLater = later === table
  for (let rounds = 0; ; rounds++) {
    const state = auditState(audits.get(TABLE) as Audit)
    if (state.isDone && isLater) return { state, facts, rounds }
    if (state.isDone) {
      isLater = true
      say(told('audit-reopened', { windows: windows.map((window) => ({ ...window, round: 1 })) }))
      continue
    }
    answer(state, 'topic', { of: topic, say })
    answer(state, 'table', { of: isLater ? later : table, say })
  }
}

function answer(state: AuditState, side: AuditSide, { of, say }: { of: Side; say: (fact: AuditFact) => void }): void {
  for (const { partition, offsetFirst, offsetLast, round, step } of state.wanted[side]) {
    const prints = new IntervalPrints({ partition, offsetFirst, offsetLast, step })
    for (const [offset, texts] of of)
      if (offset >= offsetFirst && offset <= offsetLast)
        for (const text of texts) {
          prints.add(offset, fnv1a(`${offset}/${text}`), fnv1a(`${text}/${offset}`))
          if (side === 'topic' && (text === UNREADABLE || text === FOREIGN)) prints.doubt(offset, text)
        }
    const { lastRecord } = prints
    say(
      told('audit-window', {
        side,
        partition,
        offsetFirst,
        offsetLast,
        round,
        step,
        prints: prints.toWire(),
        fields,
        lastRecord,
        doubtful: prints.doubtful(),
        snapshotId: side === 'table' ? '7' : null,
      }),
    )
  }
  for (const { partition, offset, round } of state.records[side]) {
    const records = (of.get(offset) ?? []).map((text) => record(offset, [text], { isForeign: text === FOREIGN }))
    say(told('audit-records', { side, partition, round, offsets: [offset], fields, records }))
  }
}
