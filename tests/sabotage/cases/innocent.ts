import { silent, type SabotageCase } from '../case.ts'
import type { Flow } from '../flow.ts'
import { abort } from './topic.ts'

export const innocent = (name: string, act: (flow: Flow) => Promise<unknown>, options: Partial<SabotageCase> = {}): SabotageCase => ({
  name,
  kind: 'innocent',
  of: 'table',
  ...options,
  async act(flow) {
    await act(flow)
    return silent
  },
})

/** Through the topic, and half of the rows are in the table when it happens. */
export const halfway = (name: string, disturb: (flow: Flow) => Promise<unknown>, options: Partial<SabotageCase> = {}) =>
  innocent(
    name,
    async (flow) => {
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed.slice(0, 120))
      await disturb(flow)
      await flow.append(placed.slice(120))
      await flow.sinkDone()
    },
    options,
  )

const killed = (agent: string) =>
  halfway(`the ${agent} killed and started again`, (flow) => flow.pipeline.killAndRestart(agent), { of: 'topic' })

export const innocentCases: readonly SabotageCase[] = [
  innocent('a faithful pipeline', (flow) => flow.passFaithfully()),
  innocent('every row by a commit of its own', async (flow) => {
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    for (let at = 0; at < placed.length; at += 20) await flow.append(placed.slice(at, at + 20))
    await flow.sinkDone()
  }),
  innocent('rows in another order than in the topic', async (flow) => {
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    await flow.sinkFaithfully(placed.toReversed())
  }),
  halfway('a slow sink', (flow) => flow.pause(6_000)),
  halfway('empty commits', async (flow) => {
    await flow.pipeline.writer.do('empty-commit')
    await flow.pipeline.writer.do('empty-commit')
  }),
  halfway('a compaction', (flow) => flow.pipeline.writer.do('rewrite')),
  halfway('an overwrite that keeps every row', (flow) => flow.pipeline.writer.do('overwrite')),
  halfway('manifests rewritten', async (flow) => {
    await flow.pipeline.writer.do('empty-commit')
    await flow.pipeline.writer.do('rewrite-manifests')
  }),
  halfway('old snapshots expired', async (flow) => {
    await flow.heard('the snapshot', ({ evidence }) => evidence.snapshots.length >= 1)
    await flow.pipeline.writer.do('expire')
  }),
  halfway('a tag', (flow) => flow.pipeline.writer.do('tag', { tag: 'kept' }), { spoils: true }),
  innocent(
    'written, audited and published on a branch',
    async (flow) => {
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed.slice(0, 120))
      await flow.pipeline.writer.do('branch', { branch: 'audit' })
      await flow.append(placed.slice(120), { branch: 'audit' })
      await flow.pause(1_000)
      await flow.pipeline.writer.do('fast-forward', { branch: 'audit' })
      await flow.sinkDone()
    },
    { spoils: true },
  ),
  innocent(
    'staged, and then picked',
    async (flow) => {
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed.slice(0, 120))
      const { stagedId } = await flow.append(placed.slice(120), { staged: true })
      await flow.pause(1_000)
      await flow.pipeline.writer.do('cherry-pick', { snapshotId: stagedId })
      await flow.sinkDone()
    },
    { spoils: true },
  ),
  ...(
    [
      ['a column added', { how: 'add', column: 'remark' }],
      ['columns in another order', { how: 'reorder', column: 'side' }],
      ['a column widened', { how: 'widen', column: '_kafka_metadata_partition' }],
      ['partitioning changed', { how: 'partition', column: 'symbol' }],
    ] as const
  ).map(([name, args]) => halfway(name, (flow) => flow.pipeline.writer.do('evolve', args), { spoils: true })),
  ...['ingestion-checker', 'storage-reconciler', 'reporter'].map(killed),
  innocent(
    'a transaction aborted and tried again',
    async (flow) => {
      await abort(flow, flow.some(10))
      await flow.passFaithfully()
    },
    { of: 'topic' },
  ),
  innocent(
    'one partition later than the others',
    async (flow) => {
      const early = await flow.produce(flow.records.filter(({ stream }) => stream % 4 !== 2))
      await flow.append(early)
      await flow.pause(4_000)
      const late = await flow.produce(flow.records.filter(({ stream }) => stream % 4 === 2))
      await flow.normaliserDone()
      await flow.append(late)
      await flow.sinkDone()
    },
    { of: 'topic' },
  ),
  innocent(
    'records of others between the canaries',
    async (flow) => {
      const others = flow.some(20).map((record, at) => ({
        ...record,
        trade: { ...record.trade, trade_id: `trade-${at}`, venue: 'XNAS' },
        headers: {},
      }))
      await flow.passFaithfully([...flow.records, ...others, ...others])
    },
    { of: 'topic' },
  ),
  innocent(
    'the raw topic trimmed once it was read',
    async (flow) => {
      const { kafka, names } = flow.pipeline
      await flow.heard(
        'all of the raw topic',
        ({ evidence }) => (evidence.hops.get(`topic:${names.raw}`)?.sighted.size ?? 0) >= flow.records.length,
      )
      const admin = kafka.admin()
      await admin.connect()
      const partitions = (await admin.fetchTopicOffsets(names.raw)).map(({ partition, high }) => ({ partition, offset: high }))
      await admin.deleteTopicRecords({ topic: names.raw, partitions })
      await admin.disconnect()
      await flow.passFaithfully()
    },
    { of: 'topic' },
  ),
]
