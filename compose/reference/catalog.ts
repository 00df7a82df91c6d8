import { parse, stringify } from 'lossless-json'
import { z } from './config.ts'
import { PipelineError } from './errors.ts'

const REQUEST_TIMEOUT_MS = 3_000
const NOT_FOUND = 404

/** Snapshot ids have 63 bits: whole numbers become bigint, never number. */
function keepWhole(text: string): unknown {
  return parse(text, undefined, (digits) => (/^-?\d+$/.test(digits) ? BigInt(digits) : Number(digits)))
}

const snapshotShape = z.object({
  'snapshot-id': z.bigint(),
  'parent-snapshot-id': z.bigint().optional(),
  'timestamp-ms': z.bigint().transform(Number),
  summary: z.object({ operation: z.string(), 'total-records': z.string().optional() }).catchall(z.string()),
})
const tableAnswer = z.object({
  metadata: z.object({
    'table-uuid': z.string(),
    'current-snapshot-id': z.bigint().nullish(),
    snapshots: z.array(snapshotShape).default([]),
    refs: z.record(z.string(), z.object({ 'snapshot-id': z.bigint() })).default({}),
  }),
})

export type Snapshot = {
  id: bigint
  parentId: bigint | undefined
  tableUuid: string
  operation: string
  /** As the snapshot's summary tells it; undefined where it does not, or where deletes make it no row count. */
  rows: bigint | undefined
}

export type CatalogSettings = { url: string; namespace: string; table: string }

/** The Iceberg REST catalog, asked for one table. */
export class Catalog {
  private readonly tableUrl: string
  private readonly label: string
  constructor({ url, namespace, table }: CatalogSettings) {
    this.tableUrl = `${url.replace(/\/$/, '')}/v1/namespaces/${encodeURIComponent(namespace)}/tables/${encodeURIComponent(table)}`
    this.label = `${namespace}.${table}`
  }

  /** `refs` keeps the answer short however many snapshots the table has. */
  async currentSnapshot(): Promise<Snapshot> {
    const { metadata } = await this.load('refs')
    const id = metadata['current-snapshot-id']
    const found = metadata.snapshots.find((snapshot) => snapshot['snapshot-id'] === id)
    if (found === undefined) throw new PipelineError('TABLE_MISSING', `table ${this.label}: expected a current snapshot, found none`)
    const { summary } = found
    const deletes = ['total-delete-files', 'total-position-deletes', 'total-equality-deletes'].some(
      (name) => (summary[name] ?? '0') !== '0',
    )
    const total = summary['total-records']
    return {
      id: found['snapshot-id'],
      parentId: found['parent-snapshot-id'],
      tableUuid: metadata['table-uuid'],
      operation: summary.operation,
      rows: deletes || total === undefined ? undefined : BigInt(total),
    }
  }

  /** Takes snapshots of before `olderThanMs` (Unix ms) out of the table's metadata, those that a branch or tag names aside. Gives how many. */
  async expireSnapshots(olderThanMs: number): Promise<number> {
    const { metadata } = await this.load('all')
    const named = new Set(Object.values(metadata.refs).map((ref) => ref['snapshot-id']))
    const old = metadata.snapshots.filter((one) => one['timestamp-ms'] < olderThanMs && !named.has(one['snapshot-id']))
    if (old.length === 0) return 0
    const change = stringify({
      requirements: [{ type: 'assert-table-uuid', uuid: metadata['table-uuid'] }],
      updates: [{ action: 'remove-snapshots', 'snapshot-ids': old.map((one) => one['snapshot-id']) }],
    })
    const response = await this.ask('', { method: 'POST', headers: { 'content-type': 'application/json' }, body: change ?? '' })
    if (!response.ok) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: expected 200, found ${response.status}`)
    return old.length
  }

  private async ask(query: string, options: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(`${this.tableUrl}${query}`, { ...options, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    } catch (cause) {
      throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: no answer`, { cause })
    }
  }

  private async load(snapshots: 'all' | 'refs'): Promise<z.output<typeof tableAnswer>> {
    const response = await this.ask(`?snapshots=${snapshots}`)
    if (response.status === NOT_FOUND) throw new PipelineError('TABLE_MISSING', `table ${this.label}: the catalog does not know it`)
    if (!response.ok) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: expected 200, found ${response.status}`)
    const parsed = tableAnswer.safeParse(keepWhole(await response.text()))
    if (!parsed.success) throw new PipelineError('CATALOG_UNAVAILABLE', `catalog ${this.tableUrl}: ${parsed.error.message}`)
    return parsed.data
  }
}
