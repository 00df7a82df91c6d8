import { decimalToText, QUANTITY_SCALE } from '../../../compose/reference/decimal.ts'
import type { Expected, Planted, SabotageCase } from '../case.ts'
import { silent } from '../case.ts'
import type { Flow, Placed } from '../flow.ts'
import { atTable, except, ids, lost } from './table.ts'

/** The table has partitions by a column's values, of which every commit writes files of their own. */
const partitioned = (
  name: string,
  act: (flow: Flow, placed: readonly Placed[], chosen: readonly Placed[]) => Promise<readonly Expected[] | Planted>,
  { by = 'side', ...options }: Partial<SabotageCase> & { by?: 'side' | 'symbol' } = {},
): SabotageCase =>
  atTable(
    name,
    async (flow, placed, chosen) => {
      await flow.pipeline.writer.do('evolve', { how: 'partition', column: by, transform: 'identity' })
      return act(flow, placed, chosen)
    },
    { spoils: true, ...options },
  )

const deleted = (by: 'positions' | 'equality' | 'vectors', what: string, options: Partial<SabotageCase> = {}) =>
  partitioned(
    `rows deleted by ${what} in a partitioned table`,
    async (flow, placed, chosen) => {
      await flow.append(placed.slice(0, 120))
      await flow.append(placed.slice(120))
      await flow.pipeline.writer.do('delete-rows', { by, ids: ids(chosen) })
      await flow.sinkDone()
      return [lost(chosen)]
    },
    options,
  )

/** All rows are in; then some are written again in place of themselves. */
const upserted = async (flow: Flow, placed: readonly Placed[], rows: readonly object[]) => {
  await flow.append(placed)
  await flow.pipeline.writer.do('upsert', { rows })
  await flow.sinkDone()
}

const innocent = { kind: 'innocent' } as const

export const partitionedCases: readonly SabotageCase[] = [
  partitioned('rows lost on the way into a partitioned table', async (flow, placed, chosen) => {
    await flow.sinkFaithfully(except(placed, chosen))
    return [lost(chosen)]
  }),
  deleted('positions', 'positions'),
  deleted('equality', 'equality'),
  deleted('vectors', 'deletion vectors', { table: { formatVersion: 3 } }),
  partitioned('an upsert that changes rows', async (flow, placed, chosen) => {
    // Not by its last digit alone: what ends in a nought then may be rounded.
    const change = ({ trade }: Placed) => ({ quantity: decimalToText(trade.quantity + 10_001n, QUANTITY_SCALE) })
    await upserted(
      flow,
      placed,
      chosen.map((one) => flow.row(one, change(one))),
    )
    return [{ violation: 'corrupted', at: 'table', canaries: chosen, field: 'quantity', says: 'by overwrite' }]
  }),
  partitioned(
    'an upsert that writes the same rows',
    async (flow, placed, chosen) => {
      await upserted(
        flow,
        placed,
        chosen.map((one) => flow.row(one)),
      )
      return silent
    },
    innocent,
  ),
  partitioned(
    'a table with a partition for each symbol',
    async (flow, placed) => {
      await flow.sinkFaithfully(placed)
      return silent
    },
    { by: 'symbol', ...innocent },
  ),
  partitioned(
    'a compaction within partitions',
    async (flow, placed) => {
      await flow.append(placed.slice(0, 90))
      await flow.append(placed.slice(90, 180))
      await flow.pipeline.writer.do('rewrite')
      await flow.append(placed.slice(180))
      await flow.sinkDone()
      return silent
    },
    innocent,
  ),
]
