import { readdirSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BODY_BYTES_MAX } from '../schemas/avro.ts'
import { RESULTS_PARTITION_BYTES, RETENTION_MS, assayTopics } from './topics.ts'

const byName = (topics: ReturnType<typeof assayTopics>) => Object.fromEntries(topics.map((topic) => [topic.topic, topic]))

test('the control topic has one partition, whatever the cluster', () => {
  for (const replicationFactor of [1, 2, 3, 5])
    expect(byName(assayTopics({ replicationFactor }))['assay.control']).toMatchObject({ partitions: 1, replicationFactor })
})

test('both are kept for a week by deletion, never compacted: a fact is not replaced by a later one of its run', () => {
  for (const topic of assayTopics({ replicationFactor: 3 })) {
    expect(topic).toMatchObject({ retentionMs: 604_800_000, configs: { 'cleanup.policy': 'delete' } })
  }
})

test.each([
  [1, '1'],
  [2, '1'],
  [3, '2'],
  [5, '2'],
])('with %i copies, %s must be in sync: one broker may be down, and a single broker works', (replicationFactor, expected) => {
  for (const { configs } of assayTopics({ replicationFactor })) expect(configs['min.insync.replicas']).toBe(expected)
})

test('the results topic takes the largest fact there is', () => {
  const results = byName(assayTopics({ replicationFactor: 1 }))['assay.results']
  expect(Number(results?.configs['max.message.bytes'])).toBeGreaterThan(BODY_BYTES_MAX)
})

test('names can be chosen, one or both', () => {
  const names = (chosen: object) => assayTopics({ replicationFactor: 1, names: chosen }).map(({ topic }) => topic)
  expect(names({ control: 'qa.control' })).toEqual(['qa.control', 'assay.results'])
  expect(names({ control: 'a', results: 'b' })).toEqual(['a', 'b'])
})

test.each([0, -1, 1.5, NaN])('a replication factor of %d is refused', (replicationFactor) => {
  expect(() => assayTopics({ replicationFactor })).toThrow('replicationFactor: expected a positive integer')
})

test('the results topic is bounded in bytes too, beyond what 7 days of windows say that all fail', () => {
  const results = byName(assayTopics({ replicationFactor: 1 }))['assay.results']
  expect(results?.configs['retention.bytes']).toBe(String(RESULTS_PARTITION_BYTES))
  const windows = RETENTION_MS / 60_000
  const dir = new URL('../tests/reports/', import.meta.url)
  const sizes = readdirSync(dir)
    .filter((name) => name.endsWith('.facts.jsonl'))
    .map((name) => statSync(new URL(name, dir)).size)
  expect(sizes.length).toBeGreaterThan(0)
  expect(windows * Math.max(...sizes)).toBeLessThan((results?.partitions ?? 0) * RESULTS_PARTITION_BYTES)
})
