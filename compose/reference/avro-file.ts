import { randomBytes } from 'node:crypto'
import { inflateRawSync, deflateRawSync } from 'node:zlib'
import { parseSchema, type AvroType } from './avro.ts'
import { PipelineError } from './errors.ts'

/** What the header of a container says, as `avro.schema` and what its writer added. */
export type AvroMeta = Readonly<Record<string, Buffer>>

/**
 * A file of Iceberg's metadata: an Avro object container, whose header says what its records are. Longs are bigint. Records are
 * read as they are asked for: those of a merged manifest are twenty thousand, and take a hundred times the memory of the file.
 */
export type AvroFile = { meta: AvroMeta; records: Iterable<unknown> }

const MAGIC = Buffer.from('Obj\x01', 'latin1')
const SYNC_BYTES = 16
const fixed = (name: string, size: number) => ({ type: 'fixed', name, size })
const headerType = parseSchema(
  JSON.stringify({
    type: 'record',
    name: 'Header',
    fields: [
      { name: 'magic', type: fixed('Magic', MAGIC.length) },
      { name: 'meta', type: { type: 'map', values: 'bytes' } },
      { name: 'sync', type: fixed('Sync', SYNC_BYTES) },
    ],
  }),
)
const blockType = parseSchema(
  JSON.stringify({
    type: 'record',
    name: 'Block',
    fields: [
      { name: 'count', type: 'int' },
      { name: 'data', type: 'bytes' },
      { name: 'sync', type: fixed('BlockSync', SYNC_BYTES) },
    ],
  }),
)

type Header = { meta: Record<string, Buffer>; sync: Buffer }
type Block = { count: number; data: Buffer; sync: Buffer }
type Decoded<Value> = { value: Value; offset: number }

/** A file cut short is no shorter file. */
export function readAvroFile(bytes: Buffer, uri: string): AvroFile {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw unreadable(uri, 'no Avro container')
  const header = headerType.decode(bytes, 0) as Decoded<Header>
  if (header.offset < 0) throw unreadable(uri, 'the header is cut short')
  return { meta: header.value.meta, records: { [Symbol.iterator]: () => recordsOf(bytes, { header, uri }) } }
}

function* recordsOf(bytes: Buffer, { header, uri }: { header: Decoded<Header>; uri: string }): Generator {
  const { meta, sync } = header.value
  const type = parseSchema(String(meta['avro.schema']))
  for (let at = header.offset; at < bytes.length;) {
    const block = blockType.decode(bytes, at) as Decoded<Block>
    if (block.offset < 0 || !block.value.sync.equals(sync)) throw unreadable(uri, `the block at byte ${at} is cut short`)
    const data = plain(block.value.data, { codec: String(meta['avro.codec'] ?? 'null'), uri })
    let within = 0
    for (let n = 0; n < block.value.count; n += 1) {
      const record = type.decode(data, within) as Decoded<unknown>
      if (record.offset < 0) throw unreadable(uri, `record ${n} of the block at byte ${at} is cut short`)
      yield record.value
      within = record.offset
    }
    at = block.offset
  }
}

function plain(data: Buffer, { codec, uri }: { codec: string; uri: string }): Buffer {
  if (codec === 'null') return data
  if (codec === 'deflate') return inflateRawSync(data)
  throw unreadable(uri, `codec ${codec}; null and deflate are known`)
}

/** Writes a file of the same schema as the one its header comes from, character for character: attributes such as field ids are kept. */
export class AvroFileWriter {
  private readonly meta: AvroMeta
  private readonly type: AvroType
  private readonly parts: Buffer[] = []

  constructor(meta: AvroMeta) {
    this.meta = meta
    this.type = parseSchema(String(meta['avro.schema']))
  }

  append(record: unknown): void {
    this.parts.push(this.type.toBuffer(record))
  }

  bytes(): Buffer {
    const sync = randomBytes(SYNC_BYTES)
    const header = headerType.toBuffer({ magic: MAGIC, meta: { ...this.meta, 'avro.codec': Buffer.from('deflate') }, sync })
    if (this.parts.length === 0) return header
    const data = deflateRawSync(Buffer.concat(this.parts))
    return Buffer.concat([header, blockType.toBuffer({ count: this.parts.length, data, sync })])
  }
}

const unreadable = (uri: string, what: string) => new PipelineError('TABLE_UNREADABLE', `${uri}: ${what}`)
