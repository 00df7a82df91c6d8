import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AssayError } from '../../shared/core/errors.ts'
import { RUN, TABLE, topology } from '../../shared/core/told-run.fixture.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { emptyBaseline } from '../../shared/iceberg/snapshot-reader.ts'
import { createLog } from '../../shared/runtime/log.ts'
import type { TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import { FollowedTable, others } from './followed-table.fixture.ts'
import { TableAuditor } from './table-auditor.ts'

const at = { runId: RUN, hop: TABLE, began: emptyBaseline }
const fields = [{ field: 'trade_id', as: 'text' as const }]
const wanted = { partition: 0, offsetFirst: 100, offsetLast: 102, step: 3, fields, lastRecord: 102, round: 0, toldAtMs: 0, mayCome: false }
const effects: TableAuditEffect[] = [
  { type: 'audit-baseline', runId: RUN, hop: TABLE },
  { type: 'audit-look', ...at },
  { type: 'audit-prints', ...at, wanted: [wanted] },
  { type: 'audit-records', ...at, wanted: [{ ...wanted, offset: 101 }] },
  { type: 'audit-additions', ...at, compared: [{ partition: 0, offsetFirst: 100, offsetLast: 102, round: 0, snapshotId: '101' }] },
]

async function answersOf(loadTable: (followed: FollowedTable) => TableCatalog['loadTable'], asked = effects): Promise<TableAuditEvent[]> {
  const followed = await FollowedTable.open()
  const workDir = await mkdtemp(join(tmpdir(), 'assay-auditor-'))
  try {
    followed.table.commit({ operation: 'append', added: [await followed.data(others(100, 3))] })
    const auditor = new TableAuditor({
      topology: { ...topology, hops: topology.hops.map((hop) => (hop.kind === 'table' ? { ...hop, sinkGroup: 'sink' } : hop)) },
      admin: {
        groupOffsets: () =>
          Promise.resolve([
            { partition: 0, offset: 103 },
            { partition: 1, offset: null },
          ]),
        topicOffsets: () => Promise.resolve([{ partition: 0, low: 0, high: 103 }]),
      },
      catalog: { loadTable: loadTable(followed) } as TableCatalog,
      store: followed.table.store,
      db: followed.db,
      tableRows: tableRowsSql,
      log: createLog({ agent: 'storage-reconciler', instance: 't', level: 'silent' }),
      metrics: { add: () => undefined } as never,
      workDir,
    })
    const answers: TableAuditEvent[] = []
    for (const effect of asked) await auditor.perform(effect, (event) => answers.push(event))
    return answers
  } finally {
    await followed.close()
    await rm(workDir, { recursive: true })
  }
}

const asItIs = (followed: FollowedTable) => () => Promise.resolve({ metadataLocation: null, metadata: followed.table.metadata() })

test('every wish is answered, with the snapshot that was read', async () => {
  const answers = await answersOf(asItIs)
  expect(answers).toEqual([
    { type: 'audit-baselined', runId: RUN, baseline: { snapshotId: '101', sequenceNumber: 1, tableUuid: 'first' } },
    expect.objectContaining({ type: 'audit-table-seen', snapshotId: '101', stored: new Map([[0, 102]]), sink: new Map([[0, 103]]) }),
    expect.objectContaining({ prints: [expect.objectContaining({ snapshotId: '101', prints: [expect.objectContaining({ count: 3 })] })] }),
    expect.objectContaining({ records: [expect.objectContaining({ records: [expect.objectContaining({ values: ['T-101'] })] })] }),
    { type: 'audit-additions-seen', runId: RUN, hop: TABLE, snapshotId: '101', grown: [] },
  ])
})

test('a table that is yet to be made has no rows; a catalog that is away is trouble of ours', async () => {
  const missing = await answersOf(() => () => Promise.reject(new AssayError('TABLE_MISSING', 'no such table')))
  expect(missing[0]).toEqual({ type: 'audit-baselined', runId: RUN, baseline: emptyBaseline })
  expect(missing.slice(1).map(({ type }) => type)).toEqual(Array(4).fill('audit-trouble'))
  const away = await answersOf(() => () => Promise.reject(new AssayError('CATALOG_UNAVAILABLE', 'away')))
  expect(away.map(({ type }) => type)).toEqual(Array(4).fill('audit-trouble'))
})
