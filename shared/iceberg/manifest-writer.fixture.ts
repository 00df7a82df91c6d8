import avro from 'avsc'

/** A file as a commit of the fixture names it. */
export interface WrittenFile {
  readonly content: 0 | 1 | 2
  readonly path: string
  recordCount: number
  sizeBytes: number
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>
  readonly valueCounts?: ReadonlyMap<number, number>
  readonly nullCounts?: ReadonlyMap<number, number>
  readonly equalityIds?: readonly number[]
  readonly referencedDataFile?: string
  /** A deletion vector: where it lies in a Puffin file. */
  readonly vectorAt?: { readonly offset: number; readonly sizeBytes: number }
  /** Of spec 1, which has one field; else it is of spec 0, which has none. */
  readonly partition?: number
}

export const specOf = ({ partition }: WrittenFile): 0 | 1 => (partition === undefined ? 0 : 1)

export interface Entry {
  readonly status: 0 | 1 | 2
  readonly snapshotId: number
  readonly sequenceNumber: number
  readonly fileSequenceNumber: number
  readonly file: WrittenFile
}

export interface Manifest {
  readonly path: string
  readonly sizeBytes: number
  readonly content: 0 | 1
  readonly specId: 0 | 1
  readonly snapshotId: number
  readonly sequenceNumber: number
  readonly entries: readonly Entry[]
}

const bounds = (name: string, value: string) => [
  'null',
  {
    type: 'array',
    items: {
      type: 'record',
      name,
      fields: [
        { name: 'key', type: 'int' },
        { name: 'value', type: value },
      ],
    },
  },
]
const optional = (type: string) => ['null', type]
const partitionFields = [[], [{ name: 'part', type: 'int' }]]
const entryTypes = partitionFields.map((partition) =>
  avro.Type.forSchema(
    {
      type: 'record',
      name: 'manifest_entry',
      fields: [
        { name: 'status', type: 'int' },
        { name: 'snapshot_id', type: optional('long') },
        { name: 'sequence_number', type: optional('long') },
        { name: 'file_sequence_number', type: optional('long') },
        {
          name: 'data_file',
          type: {
            type: 'record',
            name: 'r2',
            fields: [
              { name: 'content', type: 'int' },
              { name: 'file_path', type: 'string' },
              { name: 'file_format', type: 'string' },
              { name: 'partition', type: { type: 'record', name: 'r102', fields: partition } },
              { name: 'record_count', type: 'long' },
              { name: 'file_size_in_bytes', type: 'long' },
              { name: 'value_counts', type: bounds('k1', 'long') },
              { name: 'null_value_counts', type: bounds('k2', 'long') },
              { name: 'lower_bounds', type: bounds('k3', 'bytes') },
              { name: 'upper_bounds', type: bounds('k4', 'bytes') },
              { name: 'equality_ids', type: ['null', { type: 'array', items: 'int' }] },
              { name: 'referenced_data_file', type: optional('string') },
              { name: 'content_offset', type: optional('long') },
              { name: 'content_size_in_bytes', type: optional('long') },
            ],
          },
        },
      ],
    } as avro.Schema,
    { wrapUnions: false },
  ),
)
const manifestType = avro.Type.forSchema(
  {
    type: 'record',
    name: 'manifest_file',
    fields: [
      { name: 'manifest_path', type: 'string' },
      ...['manifest_length', 'sequence_number', 'min_sequence_number', 'added_snapshot_id'].map((name) => ({ name, type: 'long' })),
      { name: 'partition_spec_id', type: 'int' },
      { name: 'content', type: 'int' },
    ],
  } as avro.Schema,
  { wrapUnions: false },
)

/** An Avro object container, one block, no codec. */
function container(type: avro.Type, records: readonly unknown[]): Buffer {
  const long = avro.Type.forSchema('long')
  const text = (bytes: Buffer) => Buffer.concat([long.toBuffer(bytes.length), bytes])
  const data = Buffer.concat(records.map((record) => type.toBuffer(record)))
  const sync = Buffer.alloc(16, 7)
  const meta = [text(Buffer.from('avro.schema')), text(Buffer.from(JSON.stringify(type.schema({ noDeref: false }))))]
  const block = records.length === 0 ? [] : [long.toBuffer(records.length), text(data), sync]
  return Buffer.concat([Buffer.from('Obj\x01'), long.toBuffer(1), ...meta, long.toBuffer(0), sync, ...block])
}

const keyed = <T>(values: ReadonlyMap<number, T> | undefined) =>
  values === undefined ? null : [...values].map(([key, value]) => ({ key, value }))

export const manifestListBytes = (manifests: readonly Manifest[]): Buffer => container(manifestType, manifests.map(listed))

export const manifestBytes = (entries: readonly Entry[], specId: 0 | 1): Buffer =>
  container(entryTypes[specId] as avro.Type, entries.map(avroEntry))

const listed = ({ path, sizeBytes, content, specId, snapshotId, sequenceNumber }: Manifest) => ({
  manifest_path: path,
  manifest_length: sizeBytes,
  sequence_number: sequenceNumber,
  min_sequence_number: 0,
  added_snapshot_id: snapshotId,
  partition_spec_id: specId,
  content,
})

/** An added file inherits its sequence numbers, as writers leave it. */
const avroEntry = ({ status, snapshotId, sequenceNumber, fileSequenceNumber, file }: Entry) => ({
  status,
  snapshot_id: snapshotId,
  sequence_number: status === 1 ? null : sequenceNumber,
  file_sequence_number: status === 1 ? null : fileSequenceNumber,
  data_file: {
    content: file.content,
    file_path: file.path,
    file_format: file.vectorAt === undefined ? 'PARQUET' : 'PUFFIN',
    partition: file.partition === undefined ? {} : { part: file.partition },
    record_count: file.recordCount,
    file_size_in_bytes: file.sizeBytes,
    value_counts: keyed(file.valueCounts),
    null_value_counts: keyed(file.nullCounts),
    lower_bounds: keyed(file.lowerBounds)?.map(({ key, value }) => ({ key, value: Buffer.from(value) })) ?? null,
    upper_bounds: keyed(file.upperBounds)?.map(({ key, value }) => ({ key, value: Buffer.from(value) })) ?? null,
    equality_ids: file.equalityIds === undefined ? null : [...file.equalityIds],
    referenced_data_file: file.referencedDataFile ?? null,
    content_offset: file.vectorAt?.offset ?? null,
    content_size_in_bytes: file.vectorAt?.sizeBytes ?? null,
  },
})
