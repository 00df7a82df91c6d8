import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canaryIdText, parseCanaryId } from '../core/identity.ts'
import { RangeSet } from '../core/range-set.ts'
import { quoteText } from './duckdb.ts'
import { scanPages } from './identity-pages.ts'
import { scanByEngine, scanIdentities, type IdentityScan, type IdentityScanInput } from './identity-scan.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

const runIds = ['0192f3a4-5b6c-7d8e-9f00-112233445566', '0192f3a4-5b6c-7d8e-9f00-aabbccddeeff']

/** Each run writes and reads a few files, on a machine that may be busy. */
const PROPERTY_MS = 300_000

interface Row {
  readonly id: string | null
  readonly partition: number | null
  readonly offset: number | null
}

const scratch = useScratchEngine()
let filesSoFar = 0

async function fileOf(rows: readonly Row[], options = 'COMPRESSION zstd', marker: (row: number) => string = () => 'XTST'): Promise<string> {
  await scratch.db.appendColumns('written', [
    { name: 'trade_id', type: 'varchar', values: rows.map(({ id }) => id) },
    { name: 'venue', type: 'varchar', values: rows.map((_, i) => marker(i)) },
    { name: 'p', type: 'integer', values: rows.map(({ partition }) => partition) },
    { name: 'o', type: 'bigint', values: rows.map(({ offset }) => (offset === null ? null : BigInt(offset))) },
  ])
  const path = join(scratch.folder, `${String(++filesSoFar).padStart(6, '0')}.parquet`)
  await scratch.db.query(`COPY written TO ${quoteText(path)} (FORMAT parquet, ${options})`)
  return path
}

const inputOf = (paths: readonly string[]): IdentityScanInput => ({
  paths,
  identityField: 'trade_id',
  marker: { field: 'venue', value: 'XTST' },
  kafka: { partitionField: 'p', offsetField: 'o' },
  order: true,
})

const byNumber = (a: number | null, b: number | null) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a - b)

/** All of it by plain loops over rows. */
function naive(files: readonly { readonly path: string; readonly rows: readonly Row[] }[]): IdentityScan {
  const rows = files.flatMap(({ path, rows: of }) => of.map((row) => ({ ...row, path })))
  const known = rows.flatMap(({ id, ...row }) => {
    const parsed = id === null ? null : parseCanaryId(id)
    return parsed === null ? [] : [{ id: id as string, ...parsed, ...row }]
  })
  const inOrder = [...known].sort(
    (a, b) =>
      (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) ||
      byNumber(a.partition, b.partition) ||
      byNumber(a.offset, b.offset) ||
      (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
  )
  const streams = new Map<string, { runId: string; stream: number; set: RangeSet }>()
  for (const { runId, stream, seq } of inOrder) {
    const key = `${runId}:${stream}`
    if (!streams.has(key)) streams.set(key, { runId, stream, set: RangeSet.empty() })
    streams.get(key)!.set.add(seq)
  }
  const repeats = inOrder
    .filter(({ id }, i) => inOrder[i - 1]?.id === id)
    .map(({ runId, stream, seq, partition, offset, path }) => ({ runId, stream, seq, partition, offset, path }))
  const outOfOrder = inOrder.flatMap(({ runId, stream, seq, partition, offset }) => {
    if (partition === null || offset === null) return []
    const isBehind = known.some(
      (other) =>
        other.runId === runId &&
        other.stream === stream &&
        other.partition === partition &&
        other.offset !== null &&
        other.offset < offset &&
        other.seq > seq,
    )
    return isBehind ? [{ runId, stream, seq, partition, offset }] : []
  })
  const placed = Map.groupBy(
    rows.filter(({ partition }) => partition !== null),
    ({ partition }) => partition as number,
  )
  const offsets = [...placed].flatMap(([partition, of]) => {
    const there = of.flatMap(({ offset }) => (offset === null ? [] : [offset]))
    if (there.length === 0) return []
    return [{ partition, offsetFirst: Math.min(...there), offsetLast: Math.max(...there), rowCount: of.length }]
  })
  return {
    rowCount: rows.length,
    canaryCount: rows.length,
    malformedCount: rows.length - known.length,
    streams: [...streams.values()].map(({ runId, stream, set }) => ({ runId, stream, seqs: [...set.ranges] })),
    repeatCount: repeats.length,
    repeats,
    offsets: offsets.sort((a, b) => a.partition - b.partition),
    outOfOrderCount: outOfOrder.length,
    outOfOrder,
  }
}

const sorted = (scan: IdentityScan): IdentityScan => ({
  ...scan,
  outOfOrder: scan.outOfOrder
    .map(({ runId, stream, seq, partition, offset }) => ({ runId, stream, seq, partition, offset }))
    .sort((a, b) =>
      canaryIdText(a) < canaryIdText(b) ? -1 : canaryIdText(a) > canaryIdText(b) ? 1 : a.partition - b.partition || a.offset - b.offset,
    ),
})

const seqArbitrary = fc.oneof(fc.nat(12), fc.nat(200), fc.constantFrom(65_535, 65_536, 999_999_999_999))
const idArbitrary = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .record({ runId: fc.constantFrom(...runIds), stream: fc.constantFrom(0, 1, 9999), seq: seqArbitrary })
      .map((id): string | null => canaryIdText(id)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      null,
      '',
      'T-1',
      `${runIds[0]}:0000:00000000000x`,
      `${runIds[0]}:0000:0000000000/1`,
      `${runIds[0]}:000::000000000001`,
      `${runIds[0]}:0000:0000000000001`,
      `${runIds[0]}-0000:000000000001`,
      `${'z'.repeat(36)}:0000:000000000001`,
      `${runIds[0]!.toUpperCase()}:0000:000000000001`,
      `é${runIds[0]!.slice(2)}:0000:000000000001`,
    ),
  },
)
const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  id: idArbitrary,
  partition: fc.option(fc.nat(2), { freq: 12 }),
  offset: fc.option(fc.nat(60), { freq: 12 }),
})
/** As a sink writes them: by offset, and nearly by seq. */
const sunkRows = fc
  .array(fc.record({ stream: fc.nat(2), seq: fc.nat(40) }), { maxLength: 60 })
  .map((all) =>
    all
      .sort((a, b) => a.seq - b.seq || a.stream - b.stream)
      .map(({ stream, seq }, i): Row => ({ id: canaryIdText({ runId: runIds[0]!, stream, seq }), partition: stream % 2, offset: i })),
  )

test.each([
  ['rows of any kind', fc.array(fc.array(rowArbitrary, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 3 })],
  [
    'rows as a sink writes them, some of them moved',
    fc
      .tuple(sunkRows, fc.array(rowArbitrary, { maxLength: 4 }))
      .map(([rows, more]) => [[...rows.slice(0, 30), ...more], rows.slice(30)].filter((of) => of.length > 0)),
  ],
])(
  'pages, engine and plain loops say the same: %s',
  async (_, arbitrary) => {
    let byPages = 0
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.constantFrom('zstd', 'snappy', 'gzip', 'uncompressed'), async (files, codec) => {
        const written: { path: string; rows: Row[] }[] = []
        for (const rows of files) written.push({ path: await fileOf(rows, `COMPRESSION ${codec}`), rows })
        const input = inputOf(written.map(({ path }) => path))
        if (files.length > 0 && (await scanPages(scratch.db, input)) !== null) byPages++
        const expected = sorted(naive(written))
        expect(sorted(await scanIdentities(scratch.db, input))).toEqual(expected)
        if (files.length > 0) expect(sorted(await scanByEngine(scratch.db, input))).toEqual(expected)
        await Promise.all(written.map(({ path }) => rm(path)))
      }),
      { numRuns: 25 },
    )
    // One codec in four is for the engine.
    expect(byPages).toBeGreaterThan(5)
  },
  PROPERTY_MS,
)

test('the offsets of a partition begin with its first row that has one, in whatever file', async () => {
  const at = (seq: number, offset: number | null): Row => ({
    id: canaryIdText({ runId: runIds[0]!, stream: 0, seq }),
    partition: 3,
    offset,
  })
  const paths = [await fileOf([at(0, null)]), await fileOf([at(1, null), at(2, 7), at(3, 9)]), await fileOf([at(4, 8)])]
  expect(await scanPages(scratch.db, inputOf(paths))).not.toBeNull()
  const { offsets } = await scanIdentities(scratch.db, inputOf(paths))
  expect(offsets).toEqual([{ partition: 3, offsetFirst: 7, offsetLast: 9, rowCount: 5 }])
})

test('a partition that Kafka cannot have is left to the engine', async () => {
  const path = await fileOf([{ ...clean(1)[0]!, partition: 70_000 }])
  expect(await scanPages(scratch.db, inputOf([path]))).toBeNull()
  expect((await scanIdentities(scratch.db, inputOf([path]))).offsets).toMatchObject([{ partition: 70_000 }])
})

const clean = (count: number, streams = 4): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    id: canaryIdText({ runId: runIds[0]!, stream: i % streams, seq: Math.floor(i / streams) }),
    partition: (i % streams) % 2,
    offset: i,
  }))

test.each([
  ['several row groups', 'COMPRESSION zstd, ROW_GROUP_SIZE 2048', true],
  ['dictionaries of all values', 'COMPRESSION gzip, ROW_GROUP_SIZE 2048, DICTIONARY_SIZE_LIMIT 10000', true],
  ['encodings of version 2, which only the engine reads', 'COMPRESSION zstd, PARQUET_VERSION V2', false],
])('what is planted in clean rows is named, and nothing else: %s', async (_, options, isByPages) => {
  const rows = clean(6_000)
  const lost = rows.splice(2_701, 1)[0]!
  const doubled: Row = { ...rows[1_500]!, offset: 20_000 }
  ;[rows[4_500], rows[4_504]] = [
    { ...rows[4_500]!, id: rows[4_504]!.id },
    { ...rows[4_504]!, id: rows[4_500]!.id },
  ]
  const files = [
    { path: await fileOf(rows, options), rows },
    { path: await fileOf([doubled], options), rows: [doubled] },
  ]
  const input = inputOf(files.map(({ path }) => path))
  expect((await scanPages(scratch.db, input)) !== null).toBe(isByPages)
  const scan = await scanIdentities(scratch.db, input)
  const place = parseCanaryId(lost.id!)!
  expect(RangeSet.of(scan.streams.find(({ stream }) => stream === place.stream)!.seqs).has(place.seq)).toBe(false)
  expect(scan.streams.reduce((sum, { seqs }) => sum + seqs.length / 2, 0)).toBe(5)
  expect(scan.repeats).toEqual([{ ...parseCanaryId(doubled.id!), partition: doubled.partition, offset: 20_000, path: files[1]!.path }])
  // The repeat, too, comes behind greater seqs.
  expect(scan.outOfOrder.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual([rows[4_504]!.offset, 20_000])
  expect(scan.outOfOrderCount).toBe(2)
})

interface Turning {
  readonly streams: number
  readonly seqFirst: number
  readonly edits: readonly { readonly what: string; readonly at: number }[]
}

const turningArbitrary: fc.Arbitrary<Turning> = fc.record({
  streams: fc.integer({ min: 1, max: 5 }),
  seqFirst: fc.constantFrom(0, 95, 99_990, 999_999_999_600),
  edits: fc.array(fc.record({ what: fc.constantFrom('drop', 'double', 'swap', 'spoil', 'repeat', 'other run'), at: fc.nat(2_999) }), {
    maxLength: 6,
  }),
})

/** Streams that take turns, for long enough to be read as such, and what is done to them anywhere. */
function turningRows({ streams, seqFirst, edits }: Turning): Row[] {
  const ids = Array.from({ length: 3_000 }, (_, i) =>
    canaryIdText({ runId: runIds[0]!, stream: i % streams, seq: Math.min(999_999_999_999, seqFirst + Math.floor(i / streams)) }),
  )
  for (const { what, at } of edits) {
    const id = ids[at] ?? ids[0]!
    if (what === 'drop') ids.splice(at, 1)
    else if (what === 'double') ids.splice(at, 0, id)
    else if (what === 'swap' && at >= streams) [ids[at], ids[at - streams]] = [ids[at - streams]!, id]
    else if (what === 'spoil') ids[at] = `${id.slice(0, -1)}x`
    else if (what === 'repeat') ids[at] = ids[Math.floor(at / 2)] ?? id
    else ids[at] = id.replace(runIds[0]!, runIds[1]!)
  }
  return ids.map((id, i) => ({ id, partition: 0, offset: i }))
}

test(
  'streams that take turns are read the same, turn by turn and by the engine, whatever is wrong with some rows',
  async () => {
    await fc.assert(
      fc.asyncProperty(turningArbitrary, fc.constantFrom(2_048, 10_000), async (turning, groupRows) => {
        // Dictionaries are read by their own way.
        const path = await fileOf(turningRows(turning), `COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE ${groupRows}`)
        const input = inputOf([path])
        expect(await scanPages(scratch.db, input)).not.toBeNull()
        expect(sorted(await scanIdentities(scratch.db, input))).toEqual(sorted(await scanByEngine(scratch.db, input)))
        await rm(path)
      }),
      { numRuns: 40 },
    )
  },
  PROPERTY_MS,
)

test('rows of others among the canaries are for the engine to tell apart', async () => {
  const path = await fileOf(clean(100), 'COMPRESSION zstd', (i) => (i % 2 === 0 ? 'XTST' : 'XNAS'))
  expect(await scanPages(scratch.db, inputOf([path]))).toBeNull()
  expect(await scanIdentities(scratch.db, inputOf([path]))).toMatchObject({ rowCount: 100, canaryCount: 50 })
})

test('a file that is cut short is told by the engine', async () => {
  const path = await fileOf(clean(5_000), 'COMPRESSION zstd')
  const bytes = await readFile(path)
  bytes.fill(0xff, 40, 400)
  await writeFile(path, bytes)
  await expect(scanIdentities(scratch.db, inputOf([path]))).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
})
