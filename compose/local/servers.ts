import { join } from 'node:path'
import { healthPaths } from '../services/health-paths.ts'
import type { ComponentFolders } from './cache.ts'
import { HOST, addressesOf, catalogEnv } from './configuration.ts'
import type { StackFacts } from './configuration.ts'
import { brokerAnswers, bucketAnswers, httpAnswers } from './probes.ts'
import type { Step, StepProcess } from './step.ts'

/**
 * Half the compiler and the collector without threads: on two cores Kafka and Connect are up in 5 s each in place of 9.
 * Native libraries are unpacked to the temporary folder, and stay there after a kill: it goes with the stack's data.
 */
const smallJvm = ({ dataDir }: StackFacts['layout']) => ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Djava.io.tmpdir=${dataDir}`]

const SMALL_HEAP = '-Xmx256m'

/** 16 bytes in base64url, as Kafka wants a cluster id; each cluster lives for one stack, in a folder of its own. */
const CLUSTER_ID = Buffer.from('assay-local-kfka').toString('base64url')

/** The broker, which is its own controller, and the Connect worker, which runs from the same jars. */
export function kafkaSteps({ layout, ports }: StackFacts, components: ComponentFolders): Step[] {
  const config = (file: string) => join(layout.configDir, file)
  const java = (heap: string, args: readonly string[]): string[] => [
    `-Xmx${heap}`,
    ...smallJvm(layout),
    `-Dlog4j2.configurationFile=${config('log4j2.properties')}`,
    '-cp',
    `${components.kafka}/*`,
    ...args,
  ]
  const format = java('128m', ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config('kafka.properties')])
  const broker = java('512m', ['kafka.Kafka', config('kafka.properties')])
  const worker = java('384m', ['org.apache.kafka.connect.cli.ConnectDistributed', config('connect.properties')])
  const connectUrl = `http://${HOST}:${ports.connect}${healthPaths.connect}`
  return [
    { name: 'kafka-format', needs: [], kind: 'task', process: javaProcess(format, {}) },
    {
      name: 'kafka',
      needs: ['kafka-format'],
      kind: 'service',
      process: javaProcess(broker, { kafka: ports.kafka, controller: ports.kafkaController }),
      probe: () => brokerAnswers(ports.kafka),
    },
    {
      name: 'connect',
      needs: ['kafka'],
      kind: 'service',
      process: { ...javaProcess(worker, { http: ports.connect }), healthUrl: connectUrl },
      probe: () => httpAnswers(connectUrl),
    },
  ]
}

/** Object store, schema registry and catalog. */
export function storeSteps(facts: StackFacts, components: ComponentFolders): Step[] {
  const { layout, ports } = facts
  const java = (...args: readonly string[]): string[] => [SMALL_HEAP, ...smallJvm(layout), ...args]
  const s3Jar = join(components.s3proxy, 's3proxy-4.1.0-jar-with-dependencies.jar')
  const s3 = java('-jar', s3Jar, '--properties', join(layout.configDir, 's3.properties'))
  const registryJar = join(components['apicurio-registry'], 'apicurio-registry-app-3.0.9-runner.jar')
  const registry = java(`-Dquarkus.http.host=${HOST}`, `-Dquarkus.http.port=${ports.registry}`, '-jar', registryJar)
  const catalog = java('-cp', `${components['iceberg-rest-catalog']}/*`, 'org.apache.iceberg.rest.RESTCatalogServer')
  const registryUrl = `http://${HOST}:${ports.registry}${healthPaths.registry}`
  const catalogUrl = `http://${HOST}:${ports.catalog}${healthPaths.catalog}`
  return [
    {
      name: 's3',
      needs: [],
      kind: 'service',
      process: javaProcess(s3, { http: ports.s3 }),
      probe: () => bucketAnswers(addressesOf(facts).s3, facts.s3),
    },
    {
      name: 'registry',
      needs: [],
      kind: 'service',
      process: { ...javaProcess(registry, { http: ports.registry }), healthUrl: registryUrl },
      probe: () => httpAnswers(registryUrl),
    },
    {
      name: 'catalog',
      needs: ['s3'],
      kind: 'service',
      process: { ...javaProcess(catalog, { http: ports.catalog }), env: catalogEnv(facts), healthUrl: catalogUrl },
      probe: () => httpAnswers(catalogUrl),
    },
  ]
}

function javaProcess(args: readonly string[], ports: Readonly<Record<string, number>>): StepProcess {
  return { command: 'java', args, env: {}, ports }
}
