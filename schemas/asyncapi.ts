import { jsonInputSchemaOf, jsonSchemaOf, kindOf, pascalCase, type MessageSchema } from './avro-schema.ts'
import { controlMessages } from './control.ts'
import { resultMessages } from './results.ts'
import { agentNames, controlSenders, resultSenders } from './senders.ts'
import { SCHEMA_VERSION } from './version.ts'

interface Channel {
  readonly name: string
  readonly address: string
  readonly description: string
  readonly contentType: string
  readonly messages: readonly MessageSchema[]
  readonly senders: Readonly<Record<string, readonly string[]>>
}

const channels: readonly Channel[] = [
  {
    name: 'control',
    address: 'assay.control',
    description:
      'What Assay is asked to do. One partition, so that its order is the same to everybody. A value is JSON text, or Avro in a Confluent frame. Whatever cannot be understood is answered by a request-refused fact.',
    contentType: 'application/json',
    messages: controlMessages,
    senders: controlSenders,
  },
  {
    name: 'results',
    address: 'assay.results',
    description:
      'What Assay has to say. Keyed by run id, so that a run is in order. A value is Avro (avro/results.avsc) in a Confluent frame; the payloads below are what it decodes to.',
    contentType: 'application/vnd.apache.avro+binary',
    messages: resultMessages,
    senders: resultSenders,
  },
]

/** The AsyncAPI 3.0.0 document, as plain data. */
export function asyncApiDocument() {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Assay',
      version: String(SCHEMA_VERSION),
      description: 'The contract of the two topics that Assay consists of. Generated from schemas/ by `npm run docs`; not to be edited.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(channels.map((channel) => [channel.name, channelOf(channel)])),
    operations: Object.fromEntries(channels.flatMap((channel) => [...sendOperations(channel), ...receiveOperations(channel)])),
    components: {
      messages: Object.fromEntries(channels.flatMap((channel) => channel.messages.map((message) => messageOf(channel, message)))),
    },
  }
}

const messageName = (message: MessageSchema) => pascalCase(kindOf(message))
const channelRef = ({ name }: Channel) => ({ $ref: `#/channels/${name}` })
const messageRef = ({ name }: Channel, message: MessageSchema) => ({ $ref: `#/channels/${name}/messages/${messageName(message)}` })

function channelOf({ address, description, messages }: Channel) {
  return {
    address,
    description,
    messages: Object.fromEntries(
      messages.map((message) => [messageName(message), { $ref: `#/components/messages/${messageName(message)}` }]),
    ),
  }
}

function messageOf({ name: channel, contentType }: Channel, message: MessageSchema) {
  const { description = '', ...schema } = channel === 'control' ? jsonInputSchemaOf(message) : jsonSchemaOf(message)
  // AsyncAPI says itself which dialect payloads are in.
  const payload = Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema'))
  return [messageName(message), { name: kindOf(message), title: messageName(message), summary: description, contentType, payload }] as const
}

function sendOperations(channel: Channel) {
  return agentNames.flatMap((agent) => {
    const sent = channel.messages.filter((message) => channel.senders[kindOf(message)]?.includes(agent))
    const operation = {
      action: 'send',
      summary: `The ${agent} says.`,
      channel: channelRef(channel),
      messages: sent.map((message) => messageRef(channel, message)),
    }
    return sent.length === 0 ? [] : [[`${agent}-sends-${channel.name}`, operation] as const]
  })
}

/** Every agent folds the whole of both topics. */
function receiveOperations(channel: Channel) {
  return agentNames.map((agent) => {
    const operation = {
      action: 'receive',
      summary: `The ${agent} hears.`,
      channel: channelRef(channel),
      messages: channel.messages.map((message) => messageRef(channel, message)),
    }
    return [`${agent}-receives-${channel.name}`, operation] as const
  })
}
