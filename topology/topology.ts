import { z } from 'zod'
import { contract, rules } from './rules.ts'

/**
 * A pipeline as Assay sees it: how to reach it, what its records look like, and its hops in order. Text may hold
 * `${NAME}` references to the environment; secrets live nowhere else.
 */
const milliseconds = z.int().positive()
const fieldName = z.string().min(1)

export const security = z.strictObject({
  ssl: z.boolean().default(false),
  sasl: z
    .strictObject({ mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']), username: z.string(), password: z.string() })
    .nullable()
    .default(null),
})
export type Security = z.infer<typeof security>

export const connections = z.strictObject({
  kafka: z.strictObject({ bootstrap: z.string().min(1), security: security.prefault({}) }),
  registry: z.strictObject({ url: z.url() }),
  catalog: z.strictObject({
    url: z.url(),
    token: z.string().nullable().default(null),
    warehouse: z.string().min(1).nullable().default(null).describe('Where the catalog serves several: which one.'),
  }),
  s3: z.strictObject({ endpoint: z.url(), region: z.string(), accessKey: z.string(), secretKey: z.string() }),
  nats: z
    .strictObject({
      servers: z.string().min(1).describe('`host:port` or URLs, several divided by commas.'),
      token: z.string().min(1).optional(),
      user: z.string().min(1).optional(),
      password: z.string().optional(),
    })
    .optional()
    .describe('Needed by a hop of kind `source`.'),
})
export type Connections = z.infer<typeof connections>

const decimalText = z.string().regex(/^-?\d+(\.\d+)?$/, 'a decimal number as text, such as "0.01"')

export const fieldHint = z.strictObject({
  range: z.tuple([decimalText, decimalText]).optional().describe('Least and greatest ordinary value of a number or decimal.'),
  oneOf: z.array(z.string()).min(1).optional().describe('Ordinary values of a string or enum.'),
  perStream: z
    .string()
    .includes('{stream}')
    .optional()
    .describe('One value for each stream; {stream} becomes its number, {run} a tag of the run: runs that overlap must not share keys.'),
  fixed: z.string().optional(),
  edges: z.boolean().default(true).describe('Whether edge values may be mixed in.'),
})
export type FieldHint = z.infer<typeof fieldHint>

export const recordShape = z.strictObject({
  subject: z.string().describe('Registry subject of the records at the source.'),
  identity: fieldName.describe('The field that carries the canary id.'),
  marker: z
    .strictObject({ field: fieldName, value: z.string() })
    .describe("How real consumers tell a canary: a text, in a field of type string or enum; `'true'` or `'false'`, in a boolean one."),
  key: fieldName.describe('The field that is the message key: one value for each stream, so that a stream keeps its order.'),
  eventTime: fieldName.nullable().default(null).describe('The field that holds the event time; it grows with seq.'),
  fields: z.record(fieldName, fieldHint).default({}),
})
export type RecordShape = z.infer<typeof recordShape>

const expectation = z.strictObject({
  field: fieldName,
  type: z.string().describe('DuckDB type of the expected value.'),
  sql: z.string().describe('Expression over the fields of the record at the source.'),
})
export type Expectation = z.infer<typeof expectation>

/** Of those that canaries are written with: of no other is known what it should be. */
const headers = z.array(z.enum(['traceparent'])).default([])

const deadlines = {
  deliverWithinMs: milliseconds.describe('Later than this, counted from the intended send time, is late.'),
  giveUpAfterMs: milliseconds.describe('How long a lost one may still turn up before the run is closed.'),
}

export const sourceHop = z
  .strictObject({
    kind: z.literal('source'),
    broker: z.literal('nats'),
    stream: z.string().min(1).describe('The JetStream stream that keeps the subject.'),
    subject: z
      .string()
      .min(1)
      .describe("Where canaries are published. {key} becomes the record's key: a stream of canaries then has a subject of its own."),
    delivery: z
      .enum(['at-least-once', 'at-most-once'])
      .default('at-least-once')
      .describe(
        'At most once: core NATS, which acknowledges nothing. Only what the stream was then seen to hold is owed by the hops behind.',
      ),
    headers: headers.describe('Headers that must be kept.'),
    ...deadlines,
  })
  .describe('A feed outside of Kafka, the first hop where there is one: the generator writes here.')
export type SourceHop = z.infer<typeof sourceHop>

export const topicHop = z.strictObject({
  kind: z.literal('topic'),
  topic: z.string().min(1),
  headers: headers.describe('Headers that must arrive unchanged.'),
  key: fieldName
    .nullable()
    .default(null)
    .describe(
      "The field that is each record's key here, as UTF-8 text, with what `expect` says of it; an audit then compares keys of all records with the table's column of that name. Left out: keys are compared at the first hop alone, of canaries, with `record.key`.",
    ),
  processedBy: z
    .strictObject({ group: z.string(), topic: z.string() })
    .nullable()
    .default(null)
    .describe(
      'The consumer group that turns the topic before into this one: its committed offsets are the progress that proves a loss. Needed by every topic but the first hop. Behind a source: the durable consumer, and its stream.',
    ),
  expect: z.array(expectation).default([]).describe('Fields that differ from the source; all others must be equal.'),
  contract,
  ...deadlines,
})
export type TopicHop = z.infer<typeof topicHop>

export const tableHop = z.strictObject({
  kind: z.literal('table'),
  namespace: z.string().min(1),
  table: z.string().min(1),
  branch: z.string().min(1).default('main').describe('What is followed; commits on others count once they are published to it.'),
  sourceOffsets: z
    .strictObject({ topic: z.string(), partition: fieldName, offset: fieldName })
    .nullable()
    .default(null)
    .describe('Columns that hold where in Kafka a row came from.'),
  sinkGroup: z.string().nullable().default(null).describe('Consumer group of the sink.'),
  cleanUp: z
    .enum(['duckdb'])
    .nullable()
    .default(null)
    .describe('The engine that may delete rows of canaries from the table; none: they stay, and a clean-up stage says so.'),
  audit: z
    .strictObject({
      fields: z.array(fieldName).min(1).optional().describe('Left out: every field of the topic that the table has unchanged.'),
      showValues: z
        .boolean()
        .default(true)
        .describe('Whether differing values of records of others may stand in facts and reports; else a hash.'),
      eventTime: z
        .strictObject({ topic: z.string().min(1), field: fieldName, column: fieldName })
        .optional()
        .describe(
          'Of a table without `sourceOffsets`: the topic it is written from, the field of its records that holds their event time, and the column for it. Records and rows are then counted by windows of event time: fewer rows are a loss. For a table to which each record brings a row of its own, and from which nobody deletes.',
        ),
    })
    .optional()
    .describe('How all traffic, not canaries alone, is compared with the table by a plan that audits.'),
  expect: z.array(expectation).default([]),
  rules: rules.describe('Rules of the business over the rows of the table.'),
  contract,
  ...deadlines,
})
export type TableHop = z.infer<typeof tableHop>

/** The topic that a table is written from, where the topology says so: what the offsets of its sink's group are of. */
export const sinkTopic = ({ sourceOffsets, audit }: Pick<TableHop, 'sourceOffsets' | 'audit'>): string | null =>
  sourceOffsets?.topic ?? audit?.eventTime?.topic ?? null

export const apiHop = z.strictObject({
  kind: z.literal('api'),
  name: z.string().min(1),
  url: z.string().describe('With {trade_id}-like references to fields of the record; {from} and {to} are event times.'),
  headers: z.record(z.string(), z.string()).default({}),
  per: z.enum(['canary', 'window']).describe('What one request asks for.'),
  answers: z.array(
    z.strictObject({
      json: z.string().describe('Path in the answer, parts divided by dots.'),
      sql: z.string().describe('For a canary: an expression over its fields at the table. For a window: an aggregate over them.'),
      tolerance: z.number().nonnegative().default(0).describe('Relative; 0 compares text.'),
    }),
  ),
  snapshot: z.string().nullable().default(null).describe('Path in the answer to the snapshot id it was read at.'),
  staleAfterMs: milliseconds.default(10_000),
  timeoutMs: milliseconds.default(5_000),
})
export type ApiHop = z.infer<typeof apiHop>

export const hopSchema = z.discriminatedUnion('kind', [sourceHop, topicHop, tableHop, apiHop])
export type Hop = z.infer<typeof hopSchema>

const disturbance = { faults: z.array(z.enum(['pause'])).min(1), leaseMsMax: milliseconds.default(60_000) }

export const processTarget = z.strictObject({ driver: z.literal('process'), pidFile: z.string().min(1), ...disturbance })
export type ProcessTarget = z.infer<typeof processTarget>

export const containerTarget = z.strictObject({
  driver: z.literal('docker'),
  api: z.url({ protocol: /^http$/ }).describe("Where Docker's API is: a gate that passes on what chaos needs, and no more."),
  container: z.string().min(1).describe('Name or id.'),
  ...disturbance,
})
export type ContainerTarget = z.infer<typeof containerTarget>

export const chaosTarget = z.discriminatedUnion('driver', [processTarget, containerTarget])
export type ChaosTarget = z.infer<typeof chaosTarget>

export const topologySchema = z
  .strictObject({
    version: z.literal(1),
    name: z.string().min(1),
    connections,
    record: recordShape,
    hops: z.array(hopSchema).min(1).describe('In the order a record passes them: each once, one table at most.'),
    chaos: z
      .strictObject({ targets: z.record(z.string(), chaosTarget) })
      .default({ targets: {} })
      .describe('What may be disturbed. Nothing else is touched.'),
  })
  .superRefine(({ connections: { nats }, hops }, context) => {
    for (const [index, hop] of hops.entries()) {
      const problem = (message: string) => context.addIssue({ code: 'custom', path: ['hops', index], message })
      const before = hops[index - 1]
      const earlier = hops.slice(0, index)
      if (earlier.some((one) => hopName(one) === hopName(hop))) problem(`expected each hop once, got ${hopName(hop)} again`)
      // What is missing in the second of two tables, the first may have lost, or not: nobody says which one feeds it.
      else if (hop.kind === 'table' && earlier.some(({ kind }) => kind === 'table'))
        problem(`expected one table hop, got ${hopName(hop)} as well: a second table has a topology of its own`)
      // Offsets of one topic say nothing of those of another.
      if (hop.kind === 'topic' && before?.kind === 'topic' && hop.processedBy?.topic !== before.topic)
        problem(
          `behind ${hopName(before)}, expected ${hopName(hop)} with processedBy of a group that reads ${before.topic}: what proves a loss there; got ${hop.processedBy?.topic ?? 'none'}`,
        )
      if (hop.kind === 'topic' && index === 0 && hop.processedBy !== null)
        problem(`canaries are written to the first hop, expected ${hopName(hop)} without processedBy`)
      if (hop.kind === 'table' && hop.sourceOffsets !== null && hop.audit?.eventTime !== undefined)
        problem(`expected ${hopName(hop)} with sourceOffsets or with audit.eventTime, got both: stored offsets say more`)
      if (hop.kind === 'table' && hop.sinkGroup === null && hop.audit?.eventTime !== undefined)
        problem(`expected ${hopName(hop)} with sinkGroup: what its sink has committed proves that no more rows are to come`)
      if (hop.kind !== 'source') continue
      if (index > 0) problem('a source can only be the first hop')
      if (nats === undefined) problem('a source needs connections.nats')
      const next = hops[index + 1]
      if (next?.kind !== 'topic' || next.processedBy === null)
        problem('behind a source, expected a topic with processedBy: what proves a loss there')
    }
  })
export type Topology = z.infer<typeof topologySchema>

/** `source:nats`, `topic:market.trades`, `table:market.trades`, `api:stats`: how facts name a hop. */
export function hopName(hop: Hop): string {
  switch (hop.kind) {
    case 'source':
      return `source:${hop.broker}`
    case 'topic':
      return `topic:${hop.topic}`
    case 'table':
      return `table:${hop.namespace}.${hop.table}`
    case 'api':
      return `api:${hop.name}`
    default:
      return hop satisfies never
  }
}

export const SOURCE_HOP = 'source'
