import { agentEnvironment, agentServices } from './services/agents.ts'
import { chaosServices } from './services/chaos.ts'
import { observabilityServices } from './services/observability.ts'
import { pipelineServices } from './services/pipeline.ts'
import type { Service } from './services/model.ts'
import { yamlText } from './yaml.ts'

export const services: Readonly<Record<string, Service>> = {
  ...pipelineServices,
  ...agentServices,
  ...chaosServices,
  ...observabilityServices,
}

const HEAD = `# Assay and the pipeline it watches, for \`docker compose up\`. Made by \`npm run docs\` from compose/docker/services: change it there.
# What is where, and how to point the agents at a pipeline of your own: README.md beside this file.`

const logging = { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } }
const securityOpt = ['no-new-privileges:true']
const capDrop = ['ALL']

/** What holds for every service alike. */
function rendered({ limits, healthcheck, environment, ...own }: Service): Record<string, unknown> {
  return {
    ...own,
    ...(environment === undefined ? {} : { environment: mergedWithShared(environment) }),
    ...(healthcheck === undefined ? {} : { healthcheck: healthcheck === 'none' ? { disable: true } : healthcheck }),
    init: true,
    read_only: true,
    security_opt: securityOpt,
    cap_drop: capDrop,
    logging,
    deploy: { resources: { limits } },
  }
}

/** Agents differ in few variables: those are written, the others come in by the anchor. */
function mergedWithShared(environment: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  if (environment === agentEnvironment) return environment
  if (!Object.entries(agentEnvironment).every(([name, value]) => environment[name] === value)) return environment
  const own = Object.entries(environment).filter(([name]) => agentEnvironment[name] === undefined)
  return { '<<': agentEnvironment, ...Object.fromEntries(own) }
}

const volumesOf = (service: Service) =>
  (service.volumes ?? []).map((mount) => mount.split(':')[0] ?? '').filter((source) => /^[a-z][a-z0-9-]*$/.test(source))

export function composeFile(): string {
  const volumes = [...new Set(Object.values(services).flatMap(volumesOf))].sort()
  const model = {
    name: 'assay',
    'x-logging': logging,
    'x-agent-environment': agentEnvironment,
    services: Object.fromEntries(Object.entries(services).map(([name, service]) => [name, rendered(service)])),
    networks: {
      pipeline: {},
      control: {},
      observability: {},
      // The API that traces itself, and Jaeger, which takes it: neither is nearer to what else the other is near to.
      traces: { internal: true },
      // No way out: what is here speaks to the gate, and to nobody else.
      chaos: { internal: true },
    },
    volumes: Object.fromEntries(volumes.map((name) => [name, {}])),
  }
  return `${HEAD}\n${yamlText(model)}`
}
