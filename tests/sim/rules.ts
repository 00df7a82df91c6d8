import type { SnapshotReading } from '../../agents/storage-reconciler/events.ts'
import type { SimSnapshot } from '../../shared/sim/table.ts'

/** What the one rule of the simulated topology says of the rows that were added. */
export function rulesOf({ rows }: Pick<SimSnapshot, 'rows'>): SnapshotReading['rules'] {
  const head = { name: 'price is positive', form: 'rule', severity: 'failure' } as const
  const broken = rows.filter(({ fault }) => fault === 'rule-broken')
  return {
    checks: [{ ...head, rows: rows.length, broken: broken.length, exempt: 0, unchecked: null }],
    faults: broken.map(({ stream, seq, partition, offset }) => ({
      ...{ violation: 'rule-broken', rule: head.name, field: null, expected: 'price > 0', actual: '{"price":"-1"}', file: null },
      ...{ place: { stream, seq, partition, offset }, partition, offset },
    })),
  }
}
