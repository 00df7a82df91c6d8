import type { AgentConfig } from '../../../shared/runtime/config.ts'
import { hopName, type Topology } from '../../../topology/topology.ts'

/** Where people look, and with which credentials: names of variables, never their values. */
export interface LookPlaces {
  /** Bootstrap address of the pipeline's Kafka, as the agents use it. */
  readonly pipelineKafka: string
  /** `host:port` by which people reach what the agents reach at another one. */
  readonly peopleAddresses?: Readonly<Record<string, string>>
  /** By hop. */
  readonly apis?: Readonly<Record<string, ApiPlace>>
}

export interface ApiPlace {
  /** `http://127.0.0.1:18080`: what a run's own hops lack. */
  readonly origin: string
  /** Headers that a request needs, and the variable of the environment that holds each one's value. */
  readonly headers: readonly { readonly name: string; readonly variable: string }[]
}

export type LookSettings = Pick<AgentConfig, 'peopleAddresses' | 'environment'>

export function lookPlacesOf(topology: Pick<Topology, 'connections' | 'hops'>, settings: Partial<LookSettings> = {}): LookPlaces {
  const { peopleAddresses = {}, environment = {} } = settings
  const apis: Record<string, ApiPlace> = {}
  for (const hop of topology.hops) {
    if (hop.kind !== 'api') continue
    const headers = Object.entries(hop.headers).map(([name, value]) => ({ name, variable: variableOf(name, value, environment) }))
    apis[hopName(hop)] = { origin: withoutUser(/^https?:\/\/[^/]*/.exec(hop.url)?.[0] ?? ''), headers }
  }
  return { pipelineKafka: topology.connections.kafka.bootstrap, peopleAddresses, apis }
}

/** The one that the topology took the value from, as far as one holds just that; else a name to be filled. */
function variableOf(header: string, value: string, environment: LookSettings['environment']): string {
  const from = Object.keys(environment).filter((name) => environment[name] === value && /^[A-Za-z_]\w*$/.test(name))
  return from.find((name) => name.startsWith('PIPELINE_')) ?? from[0] ?? header.toUpperCase().replace(/\W/g, '_')
}

/** An address, or several in a text, as people reach them. */
export function forPeople({ peopleAddresses = {} }: Pick<LookPlaces, 'peopleAddresses'>, text: string): string {
  // In one pass: what one pair gives is no address that another one takes.
  return text.replace(/[\w.-]+(:\d+)?|\[[\da-fA-F:.]+\](:\d+)?/g, (address) =>
    Object.hasOwn(peopleAddresses, address) ? (peopleAddresses[address] as string) : address,
  )
}

/** Some put credentials into addresses. */
export const withoutUser = (url: string) => url.replace(/:\/\/[^/@]*@/, '://')
