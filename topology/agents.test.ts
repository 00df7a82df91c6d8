import { expect, test } from 'vitest'
import { agentNames } from '../schemas/senders.ts'
import { aclCommands, agentUses, leastAcls } from './agents.ts'
import type { Topology } from './topology.ts'

const deadlines = { deliverWithinMs: 1, giveUpAfterMs: 2 }
const hops: Topology['hops'] = [
  { kind: 'topic', topic: 'raw', headers: [], key: null, processedBy: null, expect: [], contract: null, ...deadlines },
  {
    kind: 'topic',
    topic: 'clean',
    headers: [],
    key: null,
    processedBy: { group: 'normaliser', topic: 'raw' },
    expect: [],
    contract: null,
    ...deadlines,
  },
  {
    kind: 'table',
    namespace: 'n',
    table: 't',
    branch: 'main',
    sourceOffsets: { topic: 'clean', partition: 'p', offset: 'o' },
    sinkGroup: 'connect-sink',
    cleanUp: null,
    expect: [],
    rules: [],
    contract: null,
    ...deadlines,
  },
]
const acls = leastAcls({ hops })
const rights = (principal: string, cluster: string) =>
  acls
    .filter((acl) => acl.principal === principal && acl.cluster === cluster)
    .map(({ resource, name, operations }) => `${resource} ${name}: ${operations.join(', ')}`)

test('every agent hears both topics and speaks on results; only who schedules windows writes requests', () => {
  for (const agent of agentNames) {
    expect(rights(agent, 'bus')).toEqual([
      `topic assay.control: Read, ${agentUses[agent].writesControl ? 'Write, ' : ''}DescribeConfigs`,
      'topic assay.results: Read, Write, DescribeConfigs',
      `group assay.${agent}: Read, Delete`,
    ])
  }
  expect(agentNames.filter((agent) => agentUses[agent].writesControl)).toEqual(['generator', 'reporter'])
})

test.each([
  ['generator', ['topic raw: Write']],
  [
    'ingestion-checker',
    [
      'topic raw: Read, DescribeConfigs',
      'topic clean: Read, DescribeConfigs',
      'group normaliser: Describe',
      'group assay.ingestion-checker: Read, Delete',
    ],
  ],
  ['storage-reconciler', ['topic clean: Read', 'group connect-sink: Describe', 'group assay.storage-reconciler: Read, Delete']],
  ['query-prober', []],
  ['chaos-injector', []],
  ['reporter', ['topic raw: Read', 'topic clean: Read', 'group assay.reporter: Read, Delete']],
])('%s may do to the pipeline: %j', (agent, expected) => {
  expect(rights(agent, 'pipeline')).toEqual(expected)
})

test('only the generator writes to the pipeline, and nobody creates or deletes a topic of it', () => {
  const changing = acls.filter(
    ({ cluster, resource, operations }) =>
      cluster === 'pipeline' &&
      resource === 'topic' &&
      operations.some((operation) => !['Read', 'Describe', 'DescribeConfigs'].includes(operation)),
  )
  expect(changing.map(({ principal, name }) => [principal, name])).toEqual([['generator', 'raw']])
})

test('the commands are for one cluster, and safe to paste', () => {
  expect(aclCommands(acls, { cluster: 'pipeline', bootstrap: 'kafka:9092' })).toHaveLength(11)
  expect(aclCommands(acls, { cluster: 'pipeline', bootstrap: 'kafka:9092' })[0]).toBe(
    'kafka-acls --bootstrap-server kafka:9092 --add --allow-principal User:assay-generator --operation Write --topic raw',
  )
  const [command] = aclCommands(acls.filter(({ cluster }) => cluster === 'bus').slice(-1), {
    cluster: 'bus',
    bootstrap: 'b:1',
    principalOf: (name) => `User:CN=${name}, O=it's`,
  })
  expect(command).toBe(
    "kafka-acls --bootstrap-server b:1 --add --allow-principal 'User:CN=reporter, O=it'\\''s' --operation Read --operation Delete --group assay.reporter --resource-pattern-type prefixed",
  )
})
