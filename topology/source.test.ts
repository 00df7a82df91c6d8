import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { leastAcls } from './agents.ts'
import { loadTopology, problemText } from './load.ts'
import { hopName, type Topology } from './topology.ts'

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')
const environment = new Proxy({}, { get: () => 'http://127.0.0.1:1' }) as Record<string, string>

function topologyOf(text: string): Topology {
  const loaded = loadTopology('t.yaml', text, environment)
  if (loaded.ok) return loaded.value
  throw new Error(loaded.problems.map(problemText).join('\n'))
}

const behindNats = read('reference-nats.yaml')

describe('the reference pipeline behind NATS', () => {
  const nats = topologyOf(behindNats)

  test('is the reference pipeline with a hop before it, and a proof of loss at its first topic', () => {
    const { nats: servers, ...connections } = nats.connections
    const [source, raw, ...others] = nats.hops
    const [rawAlone, ...othersAlone] = topologyOf(read('reference.yaml')).hops
    expect(source === undefined ? '' : hopName(source)).toBe('source:nats')
    expect(servers).toBeDefined()
    // Here the generator does not write it.
    expect({ ...raw, processedBy: null, key: null }).toEqual(rawAlone)
    expect({ ...nats, name: 'reference', connections, hops: [rawAlone, ...others] }).toEqual({
      ...topologyOf(read('reference.yaml')),
      hops: [rawAlone, ...othersAlone],
    })
  })

  test('asks Kafka for no right to write, nor for the consumer of the stream', () => {
    const rights = leastAcls(nats).filter(({ cluster }) => cluster === 'pipeline')
    expect(rights.filter(({ principal, operations }) => principal === 'generator' || operations.includes('Write'))).toEqual([])
    expect(rights.map(({ name }) => name)).not.toContain('market-gateway')
    expect(rights.map(({ name }) => name)).toContain('market-normaliser')
  })
})

test.each([
  ['without its servers', (text: string) => text.replace(/ {2}nats: .*\n/, ''), 'a source needs connections.nats'],
  [
    'before a topic that names no proof of loss',
    (text: string) => text.replace(/ {4}processedBy: \{ group: market-gateway.*\n/, ''),
    'behind a source, expected a topic with processedBy',
  ],
  [
    'in the middle',
    (text: string) => text.replace(/hops:\n( {2}- kind: source[\s\S]*?)( {2}- kind: topic[\s\S]*?)(?= {2}- kind: topic)/, 'hops:\n$2$1'),
    'a source can only be the first hop',
  ],
])('a source %s is refused, with its place', (_what, spoil, message) => {
  const spoilt = spoil(behindNats)
  expect(spoilt).not.toBe(behindNats)
  const loaded = loadTopology('t.yaml', spoilt, environment)
  expect(loaded.ok ? [] : loaded.problems.map(problemText)).toContainEqual(
    expect.stringMatching(new RegExp(`^t\\.yaml:\\d+ hops\\.\\d: ${message}`)),
  )
})
