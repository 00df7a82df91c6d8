import { planSchema } from '../../topology/plan.ts'
import { apiHop, tableHop, topicHop, type Hop, type Topology } from '../../topology/topology.ts'

export const RUN = '01999999-0000-7000-8000-000000000001'
export const LOOKUP = 'api:trade'
export const WINDOW = 'api:stats'
const deadlines = { deliverWithinMs: 5_000, giveUpAfterMs: 5_000 }
const key = { 'x-api-key': 'secret' }
const api = { headers: key, snapshot: 'snapshotId', staleAfterMs: 3_000 }

const hops: Hop[] = [
  topicHop.parse({ kind: 'topic', topic: 'raw', ...deadlines }),
  tableHop.parse({ kind: 'table', namespace: 'lake', table: 'trades', ...deadlines }),
  apiHop.parse({
    kind: 'api',
    name: 'trade',
    per: 'canary',
    url: 'http://sim/{trade_id}',
    answers: [{ json: 'price', sql: 'price' }],
    ...api,
  }),
  apiHop.parse({
    kind: 'api',
    name: 'stats',
    per: 'window',
    url: 'http://sim/{symbol}',
    answers: [{ json: 'count', sql: 'count(*)' }],
    ...api,
  }),
]
const record = {
  subject: 'raw-value',
  identity: 'trade_id',
  marker: { field: 'venue', value: 'X' },
  key: 'symbol',
  eventTime: null,
  fields: {},
}

export const topology: Topology = {
  version: 1,
  name: 'told',
  connections: {
    kafka: { bootstrap: 'sim', security: { ssl: false, sasl: null } },
    registry: { url: 'http://sim' },
    catalog: { url: 'http://sim', token: null, warehouse: null },
    s3: { endpoint: 'http://sim', region: 'sim', accessKey: '', secretKey: '' },
  },
  record,
  hops,
  chaos: { targets: {} },
}

const plan = planSchema.parse({
  version: 1,
  name: 'told',
  load: { canaries: 200, ratePerSecond: 100, streams: 2 },
  stages: [
    { stage: 'sight', task: 'sight-topics' },
    { stage: 'reconcile', task: 'reconcile-table' },
    { stage: 'produce', task: 'produce' },
    { stage: 'break', task: 'inject-fault', target: 'api', fault: 'pause', durationMs: 5_000, leaseMs: 20_000, recoverWithinMs: 15_000 },
    { stage: 'probe', task: 'probe-api', needsStarted: ['produce'], timeoutMs: 90_000, requestsPerSecond: 50 },
  ],
})

export const resolvedText = JSON.stringify({
  plan,
  topology: 'told',
  record,
  recordSchema: '{}',
  hops: hops.map((hop) => (hop.kind === 'api' ? { ...hop, headers: {} } : hop)),
  chaosTargets: [],
  seed: 7,
})
