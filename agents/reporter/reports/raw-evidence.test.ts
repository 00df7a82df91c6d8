import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AssayError } from '../../../shared/core/errors.ts'
import type { ReadRecord } from '../../../shared/runtime/kafka-reader.ts'
import { fetchRawEvidence, inTurn, WAITING_MAX } from './fetch-raw.ts'
import { FETCH_MS, type Interval, type RawEvidencePorts } from './raw-evidence.ts'
import { METADATA_BYTES_MAX } from './raw-metadata.ts'
import { intervalsOf, placesOf, RECORD_BYTES_MAX, RECORDS_BYTES_MAX, RECORDS_MAX } from './raw-records.ts'
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
  nowMs: () => 0,
  store: { get: () => Promise.reject(new Error('not asked')), head: () => Promise.reject(new Error('not asked')) },
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
  expect(leftOut).toEqual(['market.trades: metadata: catalog away'])
})

const textOf = ({ files }: { files: readonly { content: string | Uint8Array }[] }) => String(files[0]?.content ?? '')
const offsetsIn = (text: string) =>
  text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { offset: number }).offset]))

it('reads on behind what retention has taken, and names what it took', async () => {
  const fetched = await fetchRawEvidence(
    sourceOf([...cleanFacts(), ...[10, 20, 30, 40, 50].map(changed)]),
    portsOf(({ offsetFirst, offsetLast }, onRecords) => {
      if (offsetFirst < 25) return Promise.resolve({ complete: false, nextOffset: offsetFirst, reason: `begins at 25` })
      onRecords([30, 40].filter((offset) => offset >= offsetFirst && offset <= offsetLast).map(record))
      return Promise.resolve({ complete: true, nextOffset: offsetLast + 1, reason: '' })
    }),
  )
  expect(offsetsIn(textOf(fetched))).toEqual([40])
  expect(fetched.leftOut).toEqual([
    'raw-records.jsonl: market.trades partition 3 offset 10, 20, 30: begins at 25',
    'raw-records.jsonl: market.trades partition 3 offset 50: not in the topic: removed by retention or compaction, or never committed',
  ])
})

it('names every record that it has not, whatever the broker answers', async () => {
  const answers = fc.array(
    fc.record({ has: fc.array(fc.nat(60)), complete: fc.boolean(), isBarred: fc.boolean(), tookMs: fc.nat(FETCH_MS) }),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 12 }), answers, async (offsets, said) => {
      let reads = 0
      let nowMs = 0
      const ports = portsOf(({ offsetFirst, offsetLast }, onRecords) => {
        const { has, complete, isBarred, tookMs } = said[reads++ % said.length] as (typeof said)[number]
        nowMs += tookMs
        onRecords(has.filter((offset) => offset >= offsetFirst && offset <= offsetLast).map(record))
        return Promise.resolve({ complete, nextOffset: isBarred ? offsetFirst : offsetLast, reason: 'away' })
      })
      const fetched = await fetchRawEvidence(sourceOf([...cleanFacts(), ...offsets.map(changed)]), { ...ports, nowMs: () => nowMs })
      const named = fetched.leftOut.flatMap((text) => (/ offset ([\d, ]+):/.exec(text)?.[1] ?? '').split(', ').filter(Boolean).map(Number))
      const unread = fetched.leftOut.reduce((sum, text) => sum + Number(/jsonl: (\d+) records, not read/.exec(text)?.[1] ?? 0), 0)
      const had = offsetsIn(textOf(fetched))
      expect(new Set([...had, ...named]).size).toBe(had.length + named.length)
      expect(had.length + named.length + unread).toBe(offsets.length)
      expect(reads).toBeLessThanOrEqual(32)
    }),
    { numRuns: 200 },
  )
})

it('holds no more than its bounds of large records, and names the others', async () => {
  const many = Array.from({ length: RECORDS_BYTES_MAX / RECORD_BYTES_MAX + 3 }, (_, offset) => offset)
  const fetched = await fetchRawEvidence(
    sourceOf([...cleanFacts(), ...many.map(changed)]),
    portsOf((interval, onRecords) => {
      onRecords(many.map((offset) => ({ ...record(offset), value: Buffer.alloc(RECORD_BYTES_MAX - (offset === 1 ? 1 : 2)) })))
      return Promise.resolve({ complete: true, nextOffset: interval.offsetLast + 1, reason: '' })
    }),
  )
  // Key and header are two bytes.
  expect(offsetsIn(textOf(fetched))).toEqual([0, 2, 3, 4, 5, 6, 7, 8])
  expect(fetched.leftOut[0]).toBe('raw-records.jsonl: market.trades partition 3 offset 1: 1048577 bytes, and 1048576 were left for it')
  expect(fetched.leftOut).toHaveLength(3)
})

it.each([
  {
    what: 'is too large',
    store: { head: () => Promise.resolve({ sizeBytes: METADATA_BYTES_MAX + 1 }) },
    reason: '16777217 bytes, and 16777216 were left for it',
  },
  { what: 'is gone', store: { get: () => Promise.reject(new Error('no such object')) }, reason: 'no such object' },
  { what: 'comes too late', store: {}, tookMs: FETCH_MS, reason: `not begun within ${FETCH_MS} ms` },
])('names metadata that $what', async ({ store, reason, tookMs = 0 }) => {
  let nowMs = 0
  const loadTable = () => {
    nowMs += tookMs
    return Promise.resolve({ metadataLocation: 's3://w/meta.json', metadata: { snapshots: [] } as never })
  }
  const { files, leftOut } = await fetchRawEvidence(sourceOf([...cleanFacts(), lost]), {
    ...portsOf((interval) => Promise.resolve({ complete: true, nextOffset: interval.offsetLast + 1, reason: '' })),
    nowMs: () => nowMs,
    catalog: { loadTable },
    store: { get: () => Promise.resolve(Buffer.from('{}')), head: () => Promise.resolve({ sizeBytes: 2 }), ...store },
  })
  expect(files).toEqual([])
  expect(leftOut.slice(1)).toEqual([
    `market.trades: s3://w/meta.json: ${reason}`,
    "market.trades: snapshot 77 is no longer in the table's metadata",
  ])
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

it('is fetched for one run after the other, and for none beyond those that may wait', async () => {
  const begun: ((fetched: { files: []; leftOut: [] }) => void)[] = []
  const fetch = inTurn(() => new Promise((resolve) => begun.push(resolve)))
  const source = sourceOf(cleanFacts())
  const all = Array.from({ length: WAITING_MAX }, () => fetch(source))
  expect((await fetch(source)).leftOut).toEqual([`raw records and manifests: those of ${WAITING_MAX} runs before were still to be fetched`])
  for (const [index, one] of all.entries()) {
    expect(begun).toHaveLength(index + 1)
    begun[index]?.({ files: [], leftOut: [] })
    await one
  }
  void fetch(source)
  await Promise.resolve()
  expect(begun).toHaveLength(WAITING_MAX + 1)
})
