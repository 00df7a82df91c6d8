import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../compose/local/ports.ts'
import type { Stack } from '../../compose/local/stack.ts'
import { asAdmin } from './flow.ts'
import type { Pipeline } from './pipeline.ts'
import { insist } from './wait.ts'

export const FIRST_BROKER = 1
export const SECOND_BROKER = 2

/** A second broker of the stack's cluster, whose controller the first is. `stop` before anything else makes topics. */
export interface SecondBroker {
  stop(): Promise<void>
}

export async function startSecondBroker({ stack, recordClassPath }: Pick<Pipeline, 'stack' | 'recordClassPath'>): Promise<SecondBroker> {
  // One that was formatted for an earlier turn of the catalogue would be refused.
  const folder = await mkdtemp(join(stack.dir, 'second-broker-'))
  const file = join(folder, 'kafka.properties')
  const [port = 0] = await freePorts(1)
  await writeFile(file, await settings(stack, { port, folder }))
  const java = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', recordClassPath]
  await promisify(execFile)('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', await clusterId(stack), '-c', file])
  const child: ChildProcess = spawn('java', [...java, 'kafka.Kafka', file], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  return {
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** As the first broker's, in a place of its own. */
async function settings({ dir }: Stack, { port, folder }: { readonly port: number; readonly folder: string }): Promise<string> {
  const first = await readFile(join(dir, 'config', 'kafka.properties'), 'utf8')
  const own: Readonly<Record<string, string>> = {
    'process.roles': 'broker',
    'node.id': String(SECOND_BROKER),
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(folder, 'data'),
  }
  const kept = first.split('\n').filter((line) => !(line.slice(0, line.indexOf('=')) in own))
  return [...kept, ...Object.entries(own).map(([name, value]) => `${name}=${value}`), ''].join('\n')
}

async function clusterId({ dir }: Stack): Promise<string> {
  const text = await readFile(join(dir, 'data', 'kafka', 'meta.properties'), 'utf8')
  const found = /^cluster\.id=(.+)$/m.exec(text)?.[1]
  if (found === undefined) throw new Error(`no cluster.id in ${text}`)
  return found
}

/** Moves all partitions of the topics to a broker, and waits until it leads them. */
export async function moveLeaders(pipeline: Pipeline, topics: readonly string[], broker: number): Promise<void> {
  await asAdmin({ pipeline }, async (admin) => {
    const partitionsOf = async () => (await admin.fetchTopicMetadata({ topics: [...topics] })).topics
    const wanted = (await partitionsOf()).map(({ name, partitions }) => ({
      topic: name,
      partitionAssignment: partitions.map(({ partitionId }) => ({ partition: partitionId, replicas: [broker] })),
    }))
    await insist(() => admin.alterPartitionReassignments({ topics: wanted }))
    await insist(async () => {
      const elsewhere = (await partitionsOf()).flatMap(({ name, partitions }) =>
        partitions.filter(({ leader }) => leader !== broker).map(({ partitionId, leader }) => `${name}/${partitionId} led by ${leader}`),
      )
      if (elsewhere.length > 0) throw new Error(`not led by broker ${broker}: ${elsewhere.join(', ')}`)
    })
  })
}
