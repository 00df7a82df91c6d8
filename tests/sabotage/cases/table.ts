import { silent, type Expected, type Planted, type SabotageCase } from '../case.ts'
import type { Flow, Placed } from '../flow.ts'
import { DELIVER_WITHIN_MS } from '../pipeline.ts'

/** Through the topic as it should be; then `act` is the sink. */
export const atTable = (
  name: string,
  act: (flow: Flow, placed: readonly Placed[], chosen: readonly Placed[]) => Promise<readonly Expected[] | Planted>,
  options: Partial<SabotageCase> = {},
): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'table',
  ...options,
  async act(flow) {
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    const ids = new Set(flow.some(5).map(({ id }) => id))
    const planted = await act(
      flow,
      placed,
      placed.filter(({ id }) => ids.has(id)),
    )
    return 'expected' in planted ? planted : { expected: planted }
  },
})

export const lost = (canaries: readonly Placed[]): Expected => ({ violation: 'lost', at: 'table', canaries })
const doubled = (canaries: readonly Placed[]): Expected => ({ violation: 'duplicated', at: 'table', canaries })
export const except = (placed: readonly Placed[], chosen: readonly Placed[]) => placed.filter((one) => !chosen.includes(one))

/** As a sink commits: each slice holds the next records of every partition. */
export function bySlices(placed: readonly Placed[], count: number): Placed[][] {
  const slices: Placed[][] = Array.from({ length: count }, () => [])
  for (const of of Map.groupBy(placed, ({ partition }) => partition).values())
    of.forEach((one, at) => slices[Math.floor((at * count) / of.length)]?.push(one))
  return slices
}

/** All rows are in; then something is done to the table. */
export const afterwards = (
  name: string,
  act: (flow: Flow, placed: readonly Placed[], chosen: readonly Placed[]) => Promise<readonly Expected[]>,
  options: Partial<SabotageCase> = {},
): SabotageCase =>
  atTable(
    name,
    async (flow, placed, chosen) => {
      await flow.append(placed)
      const expected = await act(flow, placed, chosen)
      await flow.sinkDone()
      return expected
    },
    { spoils: true, ...options },
  )

/** Until an agent has asked how far the sink has come. */
const SINK_SEEN_MS = 4_000

export const ids = (placed: readonly Placed[]) => placed.map(({ id }) => id)

export const tableCases: readonly SabotageCase[] = [
  atTable('rows lost on the way into the table', async (flow, placed, chosen) => {
    await flow.sinkFaithfully(except(placed, chosen))
    return [lost(chosen)]
  }),
  atTable('a whole commit lost', async (flow, placed) => {
    const commits = bySlices(placed, 4)
    await flow.append(commits[0] as Placed[])
    await flow.append([...(commits[2] as Placed[]), ...(commits[3] as Placed[])])
    await flow.sinkDone()
    return [lost(commits[1] as Placed[])]
  }),
  atTable('all rows of a partition lost', async (flow, placed) => {
    const chosen = placed.filter(({ partition }) => partition === 2)
    const others = except(placed, chosen)
    await flow.append(others.slice(0, 90))
    await flow.sinkDone()
    await flow.pause(SINK_SEEN_MS)
    await flow.append(others.slice(90))
    return [lost(chosen)]
  }),
  atTable('rows twice in one file', async (flow, placed, chosen) => {
    await flow.sinkFaithfully([...placed, ...chosen])
    return [doubled(chosen)]
  }),
  atTable('rows again in a later snapshot', async (flow, placed, chosen) => {
    await flow.append(placed)
    await flow.append(chosen)
    await flow.sinkDone()
    return [doubled(chosen)]
  }),
  atTable('one row lost and another doubled, so that counts agree', async (flow, placed, chosen) => {
    const [one, other] = chosen as [Placed, Placed]
    await flow.sinkFaithfully([...except(placed, [one]), other])
    return [lost([one]), doubled([other])]
  }),
  atTable('a commit repeated', async (flow, placed) => {
    const chosen = placed.slice(100, 140)
    await flow.append(except(placed, chosen))
    await flow.append(chosen)
    await flow.append(chosen)
    await flow.sinkDone()
    return [doubled(chosen)]
  }),
  atTable('two sinks whose source offsets overlap', async (flow, placed) => {
    const [first, second, both, last] = bySlices(placed, 4) as [Placed[], Placed[], Placed[], Placed[]]
    await flow.append([...first, ...second, ...both])
    await flow.append([...both, ...last])
    await flow.sinkDone()
    return [doubled(both)]
  }),
  atTable('a commit beyond its time', async (flow, placed) => {
    // The last of each partition: behind any other, rows that came would prove it lost first.
    const chosen = bySlices(placed, 5)[4] as Placed[]
    await flow.append(except(placed, chosen))
    await flow.pause(DELIVER_WITHIN_MS.table + 500)
    await flow.append(chosen)
    await flow.sinkDone()
    return [{ violation: 'late', at: 'table', canaries: chosen }]
  }),
  atTable('rows that were lost, and then came within their time', async (flow, placed) => {
    const chosen = placed.slice(0, 10)
    await flow.append(except(placed, chosen))
    await flow.sinkDone()
    await flow.heard('lost', ({ evidence }) => [...evidence.violations.values()].some(({ violation }) => violation === 'lost'))
    await flow.append(chosen)
    return []
  }),
  atTable('rows that were never sent', async (flow, placed, chosen) => {
    const strangers = chosen.map((one) => {
      const seq = one.seq + 1_000_000
      const id = `${one.id.slice(0, -12)}${String(seq).padStart(12, '0')}`
      return { ...one, seq, id, trade: { ...one.trade, trade_id: id } }
    })
    await flow.sinkFaithfully([...placed, ...strangers])
    // Their content is that of others, which is true to say as well.
    return [
      { violation: 'unexpected', at: 'table', canaries: strangers },
      { violation: 'corrupted', at: 'table', canaries: strangers, optional: true },
    ]
  }),
  afterwards('rows deleted by positions', async (flow, _, chosen) => {
    await flow.pipeline.writer.do('delete-rows', { by: 'positions', ids: ids(chosen) })
    return [lost(chosen)]
  }),
  afterwards('rows deleted by equality', async (flow, _, chosen) => {
    await flow.pipeline.writer.do('delete-rows', { by: 'equality', ids: ids(chosen) })
    return [lost(chosen)]
  }),
  afterwards(
    'rows deleted by deletion vectors',
    async (flow, _, chosen) => {
      await flow.pipeline.writer.do('delete-rows', { by: 'vectors', ids: ids(chosen) })
      return [lost(chosen)]
    },
    { table: { formatVersion: 3 } },
  ),
  afterwards('rows lost in an overwrite', async (flow, _, chosen) => {
    await flow.pipeline.writer.do('overwrite', { without: ids(chosen) })
    return [lost(chosen)]
  }),
  atTable(
    'a data file deleted from the table',
    async (flow, placed) => {
      const { path } = await flow.append(placed.slice(0, 30))
      await flow.append(placed.slice(30))
      await flow.pipeline.writer.do('delete-file', { path })
      await flow.sinkDone()
      return [lost(placed.slice(0, 30))]
    },
    { spoils: true },
  ),
  afterwards('rows lost in a compaction', async (flow, _, chosen) => {
    await flow.pipeline.writer.do('rewrite', { without: ids(chosen) })
    return [lost(chosen), { violation: 'metadata-broken', at: 'table', says: 'as in the files it replaced' }]
  }),
  // Iceberg refuses to replace files by more records than they had.
  afterwards('rows doubled in a compaction and as many lost, so that counts agree', async (flow, placed, chosen) => {
    const gone = except(placed, chosen).slice(40, 40 + chosen.length)
    await flow.pipeline.writer.do('rewrite', { twice: ids(chosen), without: ids(gone) })
    return [doubled(chosen), lost(gone)]
  }),
  afterwards('rows changed in a compaction', async (flow, _, chosen) => {
    const rows = chosen.map((one) => flow.row(one, { side: one.trade.side === 'BUY' ? 'SELL' : 'BUY' }))
    await flow.pipeline.writer.do('rewrite', { changed: rows })
    return [{ violation: 'corrupted', at: 'table', canaries: chosen, field: 'side' }]
  }),
  atTable(
    'a snapshot rolled back',
    async (flow, placed) => {
      const { snapshotId } = await flow.append(placed.slice(0, 200))
      await flow.append(placed.slice(200))
      await flow.heard('both snapshots', ({ evidence }) => evidence.snapshots.length >= 2)
      await flow.pipeline.writer.do('rollback', { snapshotId })
      await flow.sinkDone()
      return [lost(placed.slice(200))]
    },
    { spoils: true },
  ),
  atTable(
    'snapshots that expired before they were read',
    async (flow, placed) => {
      const [first, second, third] = bySlices(placed, 3) as [Placed[], Placed[], Placed[]]
      await flow.append(first)
      await flow.heard('the first snapshot', ({ evidence }) => evidence.snapshots.length >= 1)
      await flow.pipeline.whileGone('storage-reconciler', async () => {
        await flow.append(second)
        await flow.append(third)
        await flow.pipeline.writer.do('expire')
      })
      await flow.sinkDone()
      // What is live says who came in them, and all are in time by the last of them.
      return silent
    },
    { kind: 'innocent' },
  ),
  afterwards('rows lost in a snapshot that expired before it was read', async (flow, _, chosen) => {
    await flow.heard('the first snapshot', ({ evidence }) => evidence.snapshots.length >= 1)
    await flow.pipeline.whileGone('storage-reconciler', async () => {
      await flow.pipeline.writer.do('overwrite', { without: ids(chosen) })
      await flow.pipeline.writer.do('empty-commit')
      await flow.pipeline.writer.do('expire')
    })
    return [lost(chosen)]
  }),
  atTable(
    'a data file in the table twice',
    async (flow, placed) => {
      const { path } = await flow.append(placed.slice(0, 40))
      await flow.append(placed.slice(40))
      await flow.pipeline.writer.do('append-again', { path })
      await flow.sinkDone()
      return [doubled(placed.slice(0, 40)), { violation: 'metadata-broken', at: 'table', says: path ?? '?' }]
    },
    { spoils: true },
  ),
  atTable(
    'a table dropped and made again',
    async (flow, placed) => {
      await flow.append(placed.slice(0, 100))
      await flow.heard('the snapshot', ({ evidence }) => evidence.snapshots.length >= 1)
      await flow.pipeline.writer.do('drop')
      await flow.pipeline.writer.do('create')
      await flow.append(placed.slice(100))
      await flow.sinkDone()
      return [lost(placed.slice(0, 100)), { violation: 'metadata-broken', at: 'table', says: 'dropped and made again' }]
    },
    { spoils: true },
  ),
]
