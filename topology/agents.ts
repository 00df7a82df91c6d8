import { agentNames, type AgentName } from '../schemas/senders.ts'
import type { Topology } from './topology.ts'
import { topicNames, type TopicNames } from './topics.ts'

/** Whose rights these are. `topics` creates Assay's own topics (`assay topics`); no agent needs to. */
export type Principal = AgentName | 'topics'

type PipelineUse = 'none' | 'writes-source' | 'reads-topics' | 'watches-topics' | 'reads-records'

interface AgentUse {
  /** Windows of a series are asked for by those who may write to the control topic. */
  readonly writesControl: boolean
  readonly pipeline: PipelineUse
  readonly why: string
}

/**
 * Who reads and writes what, and from it the least Kafka ACLs: each agent can run as a principal of its own that may
 * do nothing else. Read and Write include Describe.
 */
export const agentUses: Readonly<Record<AgentName, AgentUse>> = {
  generator: {
    writesControl: true,
    pipeline: 'writes-source',
    why: 'writes canaries to the first hop; asks for the windows of a series',
  },
  'ingestion-checker': {
    writesControl: false,
    pipeline: 'reads-topics',
    why: 'reads every topic hop, and how far the services between them have read',
  },
  'storage-reconciler': {
    writesControl: false,
    pipeline: 'watches-topics',
    why: 'looks where lost canaries stand in the topic before the table, and how far the sink has read',
  },
  'query-prober': { writesControl: false, pipeline: 'none', why: 'asks endpoints and engines, no Kafka of the pipeline' },
  'chaos-injector': { writesControl: false, pipeline: 'none', why: 'disturbs by drivers of its own' },
  reporter: {
    writesControl: true,
    pipeline: 'reads-records',
    why: 'folds both topics; asks for the windows of a series; keeps the records that findings name in the archive of a run',
  },
}

export interface Acl {
  readonly principal: Principal
  readonly cluster: 'bus' | 'pipeline'
  readonly resource: 'topic' | 'group'
  readonly name: string
  readonly pattern: 'literal' | 'prefixed'
  readonly operations: readonly ('Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'Create' | 'Delete')[]
}

/** Consumer groups of an agent: it makes, and deletes, only those that begin with this. */
export const groupPrefix = (agent: AgentName) => `assay.${agent}`

export function leastAcls(topology: Pick<Topology, 'hops'>, names: TopicNames = topicNames): readonly Acl[] {
  return [...topicsAcls(names), ...agentNames.flatMap((agent) => [...busAcls(agent, names), ...pipelineAcls(agent, topology)])]
}

function topicsAcls(names: TopicNames): Acl[] {
  return [names.control, names.results].map((name) => ({
    principal: 'topics',
    cluster: 'bus',
    resource: 'topic',
    name,
    pattern: 'literal',
    operations: ['Create', 'Describe', 'DescribeConfigs'],
  }))
}

function busAcls(agent: AgentName, names: TopicNames): Acl[] {
  const topic = (name: string, writes: boolean): Acl => ({
    principal: agent,
    cluster: 'bus',
    resource: 'topic',
    name,
    pattern: 'literal',
    operations: writes ? ['Read', 'Write', 'DescribeConfigs'] : ['Read', 'DescribeConfigs'],
  })
  return [topic(names.control, agentUses[agent].writesControl), topic(names.results, true), groupsAcl(agent, 'bus')]
}

const groupsAcl = (agent: AgentName, cluster: Acl['cluster']): Acl => ({
  principal: agent,
  cluster,
  resource: 'group',
  name: groupPrefix(agent),
  pattern: 'prefixed',
  operations: ['Read', 'Delete'],
})

function pipelineAcls(agent: AgentName, { hops }: Pick<Topology, 'hops'>): Acl[] {
  const acl = (resource: Acl['resource'], name: string, ...operations: Acl['operations']): Acl => {
    return { principal: agent, cluster: 'pipeline', resource, name, pattern: 'literal', operations }
  }
  const topics = hops.flatMap((hop) => (hop.kind === 'topic' ? [hop] : []))
  const tables = hops.flatMap((hop) => (hop.kind === 'table' ? [hop] : []))
  switch (agentUses[agent].pipeline) {
    case 'none':
      return []
    case 'writes-source':
      return hops[0]?.kind === 'source' ? [] : topics.slice(0, 1).map(({ topic }) => acl('topic', topic, 'Write'))
    case 'reads-topics': {
      // What the topic behind a source is processed by is a consumer of the source.
      const progress = topics
        .slice(hops[0]?.kind === 'source' ? 1 : 0)
        .flatMap(({ processedBy }) => (processedBy === null ? [] : [acl('group', processedBy.group, 'Describe')]))
      // In a compacted topic a record may be gone that nobody lost.
      return [...topics.map(({ topic }) => acl('topic', topic, 'Read', 'DescribeConfigs')), ...progress, groupsAcl(agent, 'pipeline')]
    }
    case 'reads-records':
      return [...topics.map(({ topic }) => acl('topic', topic, 'Read')), groupsAcl(agent, 'pipeline')]
    case 'watches-topics': {
      const sources = tables.flatMap((table) => hops.slice(0, hops.indexOf(table)).findLast((hop) => hop.kind === 'topic')?.topic ?? [])
      const groups = tables.flatMap(({ sinkGroup }) => (sinkGroup === null ? [] : [sinkGroup]))
      return [
        ...[...new Set(sources)].map((topic) => acl('topic', topic, 'Read')),
        ...[...new Set(groups)].map((group) => acl('group', group, 'Describe')),
        groupsAcl(agent, 'pipeline'),
      ]
    }
    default:
      return agentUses[agent].pipeline satisfies never
  }
}

export interface AclCommandOptions {
  readonly cluster: Acl['cluster']
  readonly bootstrap: string
  /** Kafka principal of an agent, such as `User:assay-generator`. */
  readonly principalOf?: (principal: Principal) => string
}

/** The `kafka-acls` commands that grant the ACLs of one cluster, one a line, for a POSIX shell. */
export function aclCommands(
  acls: readonly Acl[],
  { cluster, bootstrap, principalOf = (name) => `User:assay-${name}` }: AclCommandOptions,
): string[] {
  return acls
    .filter((acl) => acl.cluster === cluster)
    .map((acl) => {
      const operations = acl.operations.flatMap((operation) => ['--operation', operation])
      const pattern = acl.pattern === 'prefixed' ? ['--resource-pattern-type', 'prefixed'] : []
      const words = ['--add', '--allow-principal', principalOf(acl.principal), ...operations, `--${acl.resource}`, acl.name, ...pattern]
      return ['kafka-acls', '--bootstrap-server', bootstrap, ...words].map(quoted).join(' ')
    })
}

const quoted = (word: string) => (/^[\w.:,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
