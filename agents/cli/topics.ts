import { loadAgentConfig } from '../../shared/runtime/config.ts'
import { openAdmin, type KafkaAdmin, type TopicDescription } from '../../shared/runtime/kafka-admin.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { assayTopics, type AssayTopic } from '../../topology/topics.ts'
import { badInput, positiveOf } from './arguments.ts'
import type { Command } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { tableLines } from './figures.ts'

export const topicsCommand: Command = {
  command: 'topics',
  summary: "verifies Assay's own topics, or creates those that are missing",
  positionals: [],
  options: {
    create: { type: 'boolean', help: 'create what is missing; what exists is never changed' },
    replicas: {
      type: 'string',
      value: 'n',
      help: 'copies of each partition to create; 1 when left out, take 3 on a cluster of several brokers',
    },
  },
  async run({ given, terminal }) {
    const replicas = positiveOf('replicas', given.text('replicas'))
    if (replicas !== undefined && !Number.isInteger(replicas)) throw badInput(`--replicas: expected a whole number, got ${replicas}`)
    const { problems, topics } = await onCluster(process.env, (admin, names) =>
      given.flag('create') ? create(admin, assayTopics({ replicationFactor: replicas ?? 1, names })) : verify(admin, names),
    )
    terminal.out(topicLines(topics).join('\n'))
    for (const problem of problems) terminal.out(problem)
    return problems.length === 0 ? exitCodes.pass.code : exitCodes.badInput.code
  },
}

interface TopicsChecked {
  readonly topics: readonly AssayTopic[]
  readonly problems: readonly string[]
}
interface Names {
  readonly control: string
  readonly results: string
}

/** Creates what is missing; gives how what exists differs from what should be. */
export async function createAssayTopics(environment: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const { problems } = await onCluster(environment, (admin, names) => create(admin, assayTopics({ replicationFactor: 1, names })))
  return problems
}

async function onCluster(
  environment: Readonly<Record<string, string | undefined>>,
  work: (admin: KafkaAdmin, names: Names) => Promise<TopicsChecked>,
): Promise<TopicsChecked> {
  const { busBrokers, busSecurity, controlTopic, resultsTopic } = loadAgentConfig(environment)
  const admin = openAdmin(connectKafka({ brokers: busBrokers, clientId: 'assay.cli', security: busSecurity }))
  try {
    return await work(admin, { control: controlTopic, results: resultsTopic })
  } finally {
    await admin.close()
  }
}

async function create(admin: KafkaAdmin, topics: readonly AssayTopic[]): Promise<TopicsChecked> {
  return { topics, problems: await admin.ensureTopics(topics) }
}

/** Changes nothing: `ensureTopics` is asked only about topics that exist. */
async function verify(admin: KafkaAdmin, names: Names): Promise<TopicsChecked> {
  const existing = await admin.describeTopics([names.control, names.results])
  const topics = assayTopics({ replicationFactor: replicasOf(existing), names })
  const isThere = ({ topic }: AssayTopic) => existing.some((found) => found.topic === topic)
  const missing = topics
    .filter((topic) => !isThere(topic))
    .map(({ topic }) => `topic ${topic}: missing; \`assay topics --create\` creates it`)
  const present = topics.filter(isThere)
  return { topics, problems: [...missing, ...(present.length === 0 ? [] : await admin.ensureTopics(present))] }
}

/** What should be set depends on how many copies there are: the topics' own number counts. */
export const replicasOf = (existing: readonly TopicDescription[]) =>
  Math.max(1, ...existing.flatMap(({ partitions }) => partitions.map(({ replicas }) => replicas)))

const DAY_MS = 86_400_000

export function topicLines(topics: readonly AssayTopic[]): string[] {
  const rows = topics.map(({ topic, partitions, retentionMs }) => [topic, String(partitions), `${retentionMs / DAY_MS} days`])
  const [header = '', ...lines] = tableLines([['topic', 'partitions', 'kept'], ...rows])
  return [header, ...lines.map((line, index) => `${line}  ${topics[index]?.why ?? ''}`)]
}
