import type { Topology } from '../../topology/topology.ts'

export const SOURCE_HOP = 'source:nats'
export const RAW_HOP = 'topic:raw'
export const NORMALISED_HOP = 'topic:normalised'
export const TABLE_HOP = 'table:lake.trades'
export const STATS_HOP = 'api:stats'
export const hopNames = { raw: RAW_HOP, normalised: NORMALISED_HOP, table: TABLE_HOP, api: STATS_HOP } as const

const api = { kind: 'api' as const, headers: { key: 'secret' }, answers: [], snapshot: 'snapshot', staleAfterMs: 10_000, timeoutMs: 5_000 }

export const RECORD_SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Trade',
  fields: [
    { name: 'trade_id', type: 'string' },
    { name: 'symbol', type: 'string' },
    { name: 'venue', type: 'string' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 } },
  ],
})

export const simTopology: Topology = {
  version: 1,
  name: 'simulated',
  connections: {
    kafka: { bootstrap: 'sim', security: { ssl: false, sasl: null } },
    registry: { url: 'http://sim' },
    catalog: { url: 'http://sim', token: null, warehouse: null },
    s3: { endpoint: 'http://sim', region: 'sim', accessKey: '', secretKey: '' },
  },
  record: {
    subject: 'raw-value',
    identity: 'trade_id',
    marker: { field: 'venue', value: 'XTST' },
    key: 'symbol',
    eventTime: 'at',
    fields: { symbol: { perStream: 's{stream}', edges: false } },
  },
  hops: [
    {
      kind: 'topic',
      topic: 'raw',
      headers: ['traceparent'],
      key: null,
      processedBy: null,
      expect: [],
      contract: null,
      deliverWithinMs: 4_000,
      giveUpAfterMs: 8_000,
    },
    {
      kind: 'topic',
      topic: 'normalised',
      headers: ['traceparent'],
      key: null,
      processedBy: { group: 'normaliser', topic: 'raw' },
      expect: [],
      contract: null,
      deliverWithinMs: 4_000,
      giveUpAfterMs: 12_000,
    },
    {
      kind: 'table',
      namespace: 'lake',
      table: 'trades',
      branch: 'main',
      sourceOffsets: { topic: 'normalised', partition: 'p', offset: 'o' },
      sinkGroup: null,
      cleanUp: null,
      expect: [],
      rules: [{ name: 'price is positive', description: '', each: 'price > 0', rows: 'canaries', severity: 'failure' }],
      contract: null,
      deliverWithinMs: 12_000,
      giveUpAfterMs: 12_000,
    },
    { ...api, name: 'trade', url: 'http://sim/{trade_id}', per: 'canary' },
    { ...api, name: 'stats', url: 'http://sim/{symbol}?{from}-{to}', per: 'window' },
  ],
  chaos: { targets: { sink: { driver: 'process', pidFile: 'sim', faults: ['pause'], leaseMsMax: 60_000 } } },
}

/** The same pipeline behind a gateway: canaries go in outside of Kafka. */
export const sourceTopology: Topology = {
  ...simTopology,
  connections: { ...simTopology.connections, nats: { servers: 'sim' } },
  hops: [
    {
      kind: 'source',
      broker: 'nats',
      stream: 'in',
      subject: 'in.{key}',
      delivery: 'at-least-once',
      headers: ['traceparent'],
      deliverWithinMs: 4_000,
      giveUpAfterMs: 8_000,
    },
    ...simTopology.hops.map((hop) =>
      hop.kind === 'topic' && hop.topic === 'raw' ? { ...hop, processedBy: { group: 'gateway', topic: 'in' } } : hop,
    ),
  ],
}
