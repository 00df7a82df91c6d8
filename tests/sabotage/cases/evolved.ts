import { silent, type Expected, type Planted, type SabotageCase } from '../case.ts'
import type { Placed, Row } from '../flow.ts'
import { atTable } from './table.ts'

interface Evolution {
  readonly evolve: readonly Readonly<Record<string, string>>[]
  /** What a sink writes from then on besides what it wrote before. */
  readonly row?: (one: Placed) => Row
  /** Whether all rows are written anew in the end. */
  readonly isRewritten?: boolean
  /** What must be said of the rows behind it. */
  readonly planted?: (behind: readonly Placed[]) => readonly Expected[] | Planted
}

/** Half of the rows are in when the schema changes; the others are written under the new one. */
const evolved = (
  name: string,
  { evolve, row = () => ({}), isRewritten = true, planted = () => silent }: Evolution,
  options: Partial<SabotageCase> = {},
): SabotageCase =>
  atTable(
    name,
    async (flow, placed) => {
      await flow.append(placed.slice(0, 120))
      for (const step of evolve) await flow.pipeline.writer.do('evolve', step)
      const behind = placed.slice(120)
      await flow.pipeline.writer.do('append', { rows: behind.map((one) => flow.row(one, row(one))) })
      if (isRewritten) await flow.pipeline.writer.do('rewrite')
      await flow.sinkDone()
      return planted(behind)
    },
    { spoils: true, ...options },
  )

const noteRenamed = { how: 'rename', column: 'note', to: 'remark' }
const asRemark = ({ trade }: Placed) => ({ remark: trade.note })

/** Columns are known by their ids: under another name or of a wider type they hold what they held. */
export const evolvedCases: readonly SabotageCase[] = [
  evolved(
    'columns renamed and widened',
    {
      evolve: [
        noteRenamed,
        { how: 'rename', column: '_kafka_metadata_timestamp', to: 'received_at' },
        { how: 'widen', column: '_kafka_metadata_partition', type: 'long' },
        { how: 'widen', column: 'price', type: 'decimal(20, 6)' },
      ],
      row: asRemark,
    },
    { kind: 'innocent' },
  ),
  evolved(
    'a column of a contract renamed',
    {
      evolve: [noteRenamed],
      row: asRemark,
      planted: (behind) => [{ violation: 'schema-violated', at: 'table', canaries: behind, field: 'note', says: 'no such column' }],
    },
    { topology: { contract: { columns: { note: { type: 'string' } } } } },
  ),
  // What was written before stays in its files; what comes behind has nowhere to be.
  evolved('a column of the record dropped', {
    evolve: [{ how: 'drop', column: 'note' }],
    isRewritten: false,
    planted: (behind) => {
      const canaries = behind.filter(({ trade }) => trade.note !== null)
      return [{ violation: 'corrupted', at: 'table', canaries, field: 'note', says: 'actual null' }]
    },
  }),
]
