import { randomBytes } from 'node:crypto'
import { inflateRawSync, deflateRawSync } from 'node:zlib'
import { parseSchema } from './avro.ts'
import { PipelineError } from './errors.ts'

/** A file of Iceberg's metadata: an Avro object container, whose header says what its records are. Longs are bigint. */
export type AvroFile = { meta: Readonly<Record<string, Buffer>>; records: readonly unknown[] }

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
  const { meta, sync } = header.value
  const type = parseSchema(String(meta['avro.schema']))
  const records: unknown[] = []
  for (let at = header.offset; at < bytes.length;) {
    const block = blockType.decode(bytes, at) as Decoded<Block>
    if (block.offset < 0 || !block.value.sync.equals(sync)) throw unreadable(uri, `the block at byte ${at} is cut short`)
    const data = plain(block.value.data, { codec: String(meta['avro.codec'] ?? 'null'), uri })
    let within = 0
    for (let n = 0; n < block.value.count; n += 1) {
      const record = type.decode(data, within) as Decoded<unknown>
      if (record.offset < 0) throw unreadable(uri, `record ${n} of the block at byte ${at} is cut short`)
      records.push(record.value)
      within = record.offset
    }
    at = block.offset
  }
  return { meta, records }
}

function plain(data: Buffer, { codec, uri }: { codec: string; uri: string }): Buffer {
  if (codec === 'null') return data
  if (codec === 'deflate') return inflateRawSync(data)
  throw unreadable(uri, `codec ${codec}; null and deflate are known`)
}

/** Of the same schema as the file its header comes from, character for character: attributes such as field ids are kept. */
export function writeAvroFile({ meta, records }: AvroFile): Buffer {
  const type = parseSchema(String(meta['avro.schema']))
  const sync = randomBytes(SYNC_BYTES)
  const header = headerType.toBuffer({ magic: MAGIC, meta: { ...meta, 'avro.codec': Buffer.from('deflate') }, sync })
  if (records.length === 0) return header
  const data = deflateRawSync(Buffer.concat(records.map((record) => type.toBuffer(record))))
  return Buffer.concat([header, blockType.toBuffer({ count: records.length, data, sync })])
}

const unreadable = (uri: string, what: string) => new PipelineError('TABLE_UNREADABLE', `${uri}: ${what}`)
