import type { ControlMessage } from '../../schemas/control.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { loadAgentConfig, type AgentConfig } from '../../shared/runtime/config.ts'
import { openAdmin } from '../../shared/runtime/kafka-admin.ts'
import { createKafkaBus } from '../../shared/runtime/kafka-bus.ts'
import { connectKafka, type KafkaLink } from '../../shared/runtime/kafka.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createRegistry } from '../../shared/runtime/registry.ts'

/** The control and results topics, as a command sees them: it says what it wants done, and hears what is told. */
export interface TwoTopics {
  /** Resolves when both have been read up to where they ended at the start. */
  readonly caughtUp: Promise<void>
  request(message: ControlMessage): Promise<{ readonly offset: number }>
  close(): Promise<void>
}

export interface TwoTopicsOptions {
  /** How far back to read; by default as far as an agent does. */
  readonly lookbackMs?: number
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/**
 * Connects, and begins to read. Throws BUS_UNAVAILABLE when the cluster does not answer (an agent would wait for it,
 * a person should be told), and INPUT_INVALID when the topics are not there.
 */
export async function openTwoTopics(onEvent: (event: BusEvent) => void, options: TwoTopicsOptions = {}): Promise<TwoTopics> {
  const config = loadAgentConfig(options.environment ?? process.env)
  const link = connectKafka({ brokers: config.busBrokers, clientId: 'assay.cli', security: config.busSecurity })
  await requireTopics(link, config)
  const { registryUrl } = config.pipeline
  const bus = createKafkaBus({
    link,
    registry: registryUrl === null ? null : createRegistry(registryUrl),
    clock: createClock(),
    // A command's output is its result; trouble comes back as errors.
    log: createLog({ agent: 'cli', instance: config.instance, level: 'silent' }),
    controlTopic: config.controlTopic,
    resultsTopic: config.resultsTopic,
    ...(options.lookbackMs === undefined ? {} : { lookbackMs: options.lookbackMs }),
  })
  let markCaughtUp: () => void = () => undefined
  const caughtUp = new Promise<void>((resolve) => (markCaughtUp = resolve))
  await bus.start((event) => {
    onEvent(event)
    if (event.type === 'caught-up') markCaughtUp()
  })
  return { caughtUp, request: (message) => bus.request(message), close: () => bus.close() }
}

async function requireTopics(link: KafkaLink, { controlTopic, resultsTopic }: AgentConfig): Promise<void> {
  const admin = openAdmin(link)
  try {
    const found = new Set((await admin.describeTopics([controlTopic, resultsTopic])).map(({ topic }) => topic))
    const missing = [controlTopic, resultsTopic].filter((topic) => !found.has(topic))
    if (missing.length === 0) return
    throw new AssayError(
      'INPUT_INVALID',
      `${link.brokers.join(',')} has no topic ${missing.join(' and no ')}; \`assay topics --create\` creates them`,
    )
  } finally {
    await admin.close()
  }
}
