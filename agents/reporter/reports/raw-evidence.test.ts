import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AssayError } from '../../../shared/core/errors.ts'
import type { ReadRecord } from '../../../shared/runtime/kafka-reader.ts'
import { fetchRawEvidence, intervalsOf, placesOf, RECORDS_MAX, type Interval, type RawEvidencePorts } from './raw-evidence.ts'
import { tableHop } from '../../../topology/topology.ts'
import { cleanFacts, sourceOf, violation } from './sample-run.ts'

const TOPIC = 'market.trades'
const changed = (offset: number) =>
  violation({ violation: 'corrupted', hop: `topic:${TOPIC}`, stream: 1, ranges: [offset, offset], field: 'price', partition: 3, offset })
const lost = violation({
  violation: 'lost',
  hop: 'table:market.trades',
  stream: 2,
  ranges: [7, 7],
  partition: 1,
  offset: 40,
  snapshotId: '77',
})

const record = (offset: number): ReadRecord => ({
  offset,
  timestampMs: 5,
  key: Buffer.from('k'),
  value: Buffer.from([0, 1]),
  headers: { traceparent: Buffer.from('t') },
})

const portsOf = (read: RawEvidencePorts['readInterval']): RawEvidencePorts => ({
  topology: {
    hops: [tableHop.parse({ kind: 'table', namespace: 'market', table: 'trades', deliverWithinMs: 1, giveUpAfterMs: 2 })],
  },
  readInterval: read,
  catalog: { loadTable: () => Promise.reject(new AssayError('CATALOG_UNAVAILABLE', 'catalog away')) },
  store: { get: () => Promise.reject(new Error('not asked')) },
})

it('holds the records that findings name, and no other of those read with them', async () => {
  const asked: Interval[] = []
  const { files, leftOut } = await fetchRawEvidence(
    sourceOf([...cleanFacts(), changed(10), changed(12), lost]),
    portsOf((interval, onRecords) => {
      asked.push(interval)
      onRecords([9, 10, 11, 12, 40].map(record))
      return Promise.resolve({ complete: true, nextOffset: 50, reason: '' })
    }),
  )
  expect(asked).toEqual([
    { topic: TOPIC, partition: 1, offsetFirst: 40, offsetLast: 40 },
    { topic: TOPIC, partition: 3, offsetFirst: 10, offsetLast: 12 },
  ])
  const lines = String(files[0]?.content).trim().split('\n')
  const kept = lines.map((line) => JSON.parse(line) as { partition: number; offset: number; valueBase64: string })
  expect(kept.map(({ partition, offset }) => `${partition}/${offset}`)).toEqual(['1/40', '3/10', '3/12'])
  expect(kept[0]).toMatchObject({ keyBase64: 'aw==', valueBase64: 'AAE=', headersBase64: { traceparent: 'dA==' } })
  expect(leftOut).toEqual(['market.trades/metadata: catalog away'])
})

it('names what retention or a broker that is down has kept from it', async () => {
  const { files, leftOut } = await fetchRawEvidence(
    sourceOf([...cleanFacts(), changed(10)]),
    portsOf(() => Promise.resolve({ complete: false, nextOffset: 10, reason: 'begins at 11: 10 was removed' })),
  )
  expect(files).toEqual([])
  expect(leftOut).toEqual(['raw-records.jsonl: market.trades partition 3 from offset 10: begins at 11: 10 was removed'])
})

it('takes from every group of findings when there are too many', () => {
  const flood = Array.from({ length: RECORDS_MAX + 50 }, (_, at) => changed(at))
  const { places, all } = placesOf(sourceOf([...cleanFacts(), ...flood, lost]))
  expect(all).toBe(RECORDS_MAX + 51)
  expect(places).toHaveLength(RECORDS_MAX)
  expect(places).toContainEqual({ topic: TOPIC, partition: 1, offset: 40 })
})

it('reads every place in one interval', () => {
  const place = fc.record({ topic: fc.constantFrom('a', 'b'), partition: fc.nat(2), offset: fc.nat(5_000) })
  fc.assert(
    fc.property(fc.array(place), (places) => {
      const intervals = intervalsOf(places)
      for (const { topic, partition, offset } of places)
        expect(
          intervals.filter(
            (one) => one.topic === topic && one.partition === partition && one.offsetFirst <= offset && offset <= one.offsetLast,
          ),
        ).toHaveLength(1)
    }),
  )
})
