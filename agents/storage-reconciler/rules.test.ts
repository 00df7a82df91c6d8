import { afterEach, describe, expect, test } from 'vitest'
import { contract as contractSchema, rules as rulesSchema } from '../../topology/rules.ts'
import type { TableHop } from '../../topology/topology.ts'
import { FollowedTable, others, seqs, type Row } from './followed-table.fixture.ts'

const opened: FollowedTable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

interface Declared {
  readonly rules?: readonly object[]
  readonly contract?: object
  readonly expect?: TableHop['expect']
}

/** A table that declares these, with a run that has begun on it. */
async function begun({ rules = [], contract, expect: fields = [] }: Declared) {
  const one = await FollowedTable.open('main', {
    rules: rulesSchema.parse(rules),
    contract: contractSchema.parse(contract ?? null),
    expect: fields,
  })
  opened.push(one)
  one.begin()
  return one
}

/** An append that was followed. */
async function append(one: FollowedTable, rows: readonly Row[]) {
  const file = await one.data(rows)
  one.table.commit({ operation: 'append', added: [file], atMs: one.played.nowMs })
  await one.poll()
  return file
}

/** A table that declares these, follows appends of these rows, and comes to its end. */
async function followed(declared: Declared, rows: readonly Row[], more: readonly Row[][] = []) {
  const one = await begun(declared)
  for (const added of [rows, ...more]) await append(one, added)
  await one.finish()
  return one
}

const all = [...seqs(0, 19), ...seqs(0, 19, 1)]
const changed = (said: (row: Row) => Partial<Row>) => all.map((row) => ({ ...row, ...said(row) }))
const positive = { name: 'price is positive', each: 'price > 0' }
/** A column that no source has: only the rule knows what it must hold. */
const partitionZero = { name: 'partition zero', each: 'p = 0 AND o <> 13' }
const told = (one: FollowedTable) =>
  one.standing.map(({ violation, rule, stream, standing, field }) => [violation, rule, `${stream}/${standing.ranges.join('-')}`, field])

describe('a rule of each row', () => {
  test('that holds is counted, and nothing is said', async () => {
    const one = await followed({ rules: [positive, partitionZero].slice(0, 1) }, all)
    expect(one.rule(positive.name)).toEqual({ rows: 40, broken: 0, exempt: 0, unchecked: null })
    expect(told(one)).toEqual([])
    expect(one.played.saidOf('stage-ended')).toMatchObject([{ outcome: 'ok' }])
  })

  test('names the canary that breaks it, with rule, snapshot, place and values', async () => {
    const one = await followed({ rules: [{ ...partitionZero, description: 'not row 13' }] }, all)
    expect(told(one)).toEqual([['rule-broken', 'partition zero', '0/13-13', null]])
    expect(one.standing[0]).toMatchObject({
      expected: 'not row 13',
      actual: '{"p":"0","o":"13"}',
      partition: 0,
      offset: 13,
      hop: 'table:lake.trades',
    })
    expect(one.standing[0]?.snapshotId).toMatch(/^\d+$/)
    expect(one.rule('partition zero')).toEqual({ rows: 40, broken: 1, exempt: 0, unchecked: null })
  })

  test('is asked only of the rows that a snapshot added', async () => {
    const one = await followed({ rules: [partitionZero] }, seqs(0, 9), [seqs(10, 19), seqs(0, 19, 1)])
    expect(one.played.saidOf('rules-checked').map(({ checks }) => checks[0]?.rows)).toEqual([10, 10, 20])
    expect(told(one)).toEqual([['rule-broken', 'partition zero', '0/13-13', null]])
  })

  test('that is broken by what was produced itself accuses nobody', async () => {
    const one = await followed({ rules: [{ name: 'dear', each: 'price > 100' }] }, all)
    expect(one.rule('dear')).toEqual({ rows: 40, broken: 0, exempt: 40, unchecked: null })
    expect(told(one)).toEqual([])
  })

  test('that is broken because a value was changed is told beside the value', async () => {
    const one = await followed(
      { rules: [positive] },
      changed(({ stream, seq }) => (stream === 0 && seq === 5 ? { price: -1n } : {})),
    )
    expect(one.rule(positive.name)).toMatchObject({ rows: 40, broken: 1 })
    expect(told(one)).toEqual([
      ['corrupted', null, '0/5-5', 'price'],
      ['rule-broken', positive.name, '0/5-5', null],
    ])
  })

  test('for everybody finds the rows of others, and names their file', async () => {
    const one = await followed({ rules: [{ ...partitionZero, each: 'o < 50', rows: 'all' }] }, [...all, ...others(48, 4)])
    expect(one.standing).toMatchObject([{ violation: 'rule-broken', rule: 'partition zero', partition: 0, offset: 50 }])
    expect(one.standing[0]?.actual).toContain('2 of 4 rows of others in the file')
    expect(one.standing[0]?.file).toContain('.parquet')
    expect(one.rule('partition zero')).toEqual({ rows: 44, broken: 2, exempt: 0, unchecked: null })
  })

  test('for canaries leaves others alone', async () => {
    const one = await followed({ rules: [{ ...partitionZero, each: 'o < 50' }] }, [...all, ...others(48, 4)])
    expect(told(one)).toEqual([])
  })

  test('that only warns is counted, and no violation', async () => {
    const one = await followed({ rules: [{ ...partitionZero, severity: 'warning' }] }, all)
    expect(one.rule('partition zero')).toMatchObject({ broken: 1 })
    expect(told(one)).toEqual([])
  })

  test.each([
    ['nothing > 0', 'nothing'],
    ['price', 'expected a boolean expression, got DECIMAL'],
    [`CAST(note AS DATE) > DATE '2020-01-01'`, 'note'],
  ])('whose SQL does not fit the rows makes doubt with its reason, never a pass: %s', async (each, reason) => {
    const one = await followed(
      { rules: [{ name: 'odd', each }, positive] },
      changed(() => ({ note: 'text' })),
    )
    expect(one.ruleDoubts).toHaveLength(1)
    expect(one.ruleDoubts[0]).toContain('table:lake.trades: rule "odd" was not checked: ')
    expect(one.ruleDoubts[0]).toContain(reason)
    expect(one.rule(positive.name)).toMatchObject({ rows: 40, unchecked: null })
  })

  test('for everybody that cannot be asked of the rows of others makes doubt, though all canaries keep it', async () => {
    const dated = { name: 'dated', each: `CAST(note AS DATE) > DATE '2020-01-01'`, rows: 'all' }
    const one = await followed({ rules: [dated], expect: [{ field: 'note', type: 'VARCHAR', sql: `'2026-03-01'` }] }, [
      ...changed(() => ({ note: '2026-03-01' })),
      ...others(48, 4).map((row) => ({ ...row, note: 'some day' })),
    ])
    expect(told(one)).toEqual([])
    expect(one.rule('dated')).toMatchObject({ rows: 40, broken: 0, unchecked: expect.stringContaining('some day') as string })
  })

  test('that nobody asked makes doubt, too', async () => {
    const one = await followed({ rules: [{ name: 'sum', sql: 'SELECT * FROM rows' }] }, all.slice(0, 10))
    expect(one.ruleDoubts).toEqual(['table:lake.trades: rule "sum" was not checked'])
  })
})

describe('a rule over all rows of the run', () => {
  const perStream = (most: number) => ({
    name: 'few a symbol',
    sql: `SELECT symbol, count(*) AS trades FROM rows GROUP BY symbol HAVING count(*) > ${most}`,
  })

  test('is asked once, at the end, at the last snapshot, of the rows of all', async () => {
    const one = await followed({ rules: [perStream(20)] }, seqs(0, 19), [seqs(0, 19, 1)])
    expect(one.rule('few a symbol')).toEqual({ rows: 40, broken: 0, exempt: 0, unchecked: null })
    const [fact, ...rest] = one.played.saidOf('rules-checked')
    expect(rest).toEqual([])
    expect(fact?.snapshotId).toBe(one.played.saidOf('snapshot-reconciled').at(-1)?.snapshotId)
  })

  test('is asked of the snapshot that was told last, whatever has come since', async () => {
    const one = await begun({ rules: [perStream(20)] })
    await append(one, all)
    one.table.commit({ operation: 'append', added: [await one.data(seqs(0, 0))], atMs: one.played.nowMs })
    await one.finish()
    expect(one.rule('few a symbol')).toEqual({ rows: 40, broken: 0, exempt: 0, unchecked: null })
  })

  test('is in doubt where a file cannot be read any more: what is in it may break it', async () => {
    const one = await begun({ rules: [perStream(20)] })
    const { path } = await append(one, seqs(0, 19))
    await append(one, seqs(0, 19, 1))
    one.table.objects.set(path, (one.table.objects.get(path) as Buffer).subarray(0, 900))
    await one.finish()
    expect(one.ruleDoubts).toEqual([`table:lake.trades: rule "few a symbol" was not checked: ${path} cannot be read`])
  })

  test.each([
    [2, []],
    [3, ['table:lake.trades: rule "few a symbol" was not checked: the catalog is away']],
  ])('is asked again where it could not be: after %i times in vain %o', async (inVain, doubts) => {
    const one = await begun({ rules: [perStream(20)] })
    await append(one, all)
    await one.finish(inVain)
    expect(one.ruleDoubts).toEqual(doubts)
    expect(one.played.saidOf('stage-ended')).toMatchObject([{ outcome: 'ok' }])
  })

  test('that the rows as produced break as well accuses nobody', async () => {
    const one = await followed({ rules: [perStream(10)] }, all)
    expect(one.rule('few a symbol')).toEqual({ rows: 40, broken: 0, exempt: 2, unchecked: null })
    expect(told(one)).toEqual([])
  })

  test('tells what it selects, and the canaries where the answer names them', async () => {
    const offsets = { name: 'offsets', sql: 'SELECT p, max(o) AS newest FROM rows GROUP BY p HAVING max(o) > 30' }
    const rows = { name: 'late rows', sql: 'SELECT * FROM rows WHERE o = 31' }
    const one = await followed({ rules: [offsets, rows] }, all)
    expect(told(one)).toEqual([
      ['rule-broken', 'offsets', '0/0-19', null],
      ['rule-broken', 'offsets', '1/0-19', null],
      ['rule-broken', 'late rows', '1/11-11', null],
    ])
    expect(one.standing[0]?.actual).toBe('{"p":"0","newest":"39"}')
  })

  test('whose SQL does not fit makes doubt', async () => {
    const one = await followed({ rules: [{ name: 'odd', sql: 'SELECT * FROM rows WHERE nothing' }] }, all)
    expect(one.ruleDoubts[0]).toMatch(/rule "odd" was not checked: Binder Error.*nothing/)
  })
})

describe('a contract', () => {
  const whole = {
    columns: {
      price: { type: 'decimal(18,6)', notNull: true, range: ['1', '2'] },
      venue: { type: 'string', oneOf: ['XTST'] },
    },
    unique: [['trade_id'], ['p', 'o']],
    freshness: { withinMs: 60_000 },
  }

  test('that holds is counted term by term', async () => {
    const one = await followed({ contract: whole }, all)
    expect(told(one)).toEqual([])
    expect(one.ruleDoubts).toEqual([])
    for (const term of ['price', 'price not null', 'price range', 'venue one of', 'unique trade_id', 'unique p, o', 'freshness'])
      expect([term, one.rule(`contract: ${term}`)]).toEqual([term, { rows: 40, broken: 0, exempt: 0, unchecked: null }])
  })

  test.each<[term: string, contract: object, finding: unknown[], words: object]>([
    [
      'a column that is not there',
      { columns: { fee: {} } },
      ['schema-violated', 'contract: fee', '0/0-19', 'fee'],
      { expected: 'a column of this name', actual: 'no such column' },
    ],
    [
      'a type',
      { columns: { price: { type: 'decimal(38, 6)' } } },
      ['schema-violated', 'contract: price', '0/0-19', 'price'],
      { expected: 'a column of type decimal(38, 6)', actual: 'a column of type decimal(18, 6)' },
    ],
    [
      'a range',
      { columns: { o: { range: ['0', '18'] } } },
      ['rule-broken', 'contract: o range', '0/19-19', 'o'],
      { expected: 'from 0 to 18', actual: '19' },
    ],
    [
      'values',
      { columns: { p: { oneOf: ['1', '2'] } } },
      ['rule-broken', 'contract: p one of', '0/0-0', 'p'],
      { expected: 'one of 1, 2', actual: '0' },
    ],
    [
      'uniqueness',
      { unique: [['p']] },
      ['rule-broken', 'contract: unique p', '0/0-0', 'p'],
      { expected: 'no other record with the same p', actual: '0' },
    ],
  ])('tells a broken term with field, expected and actual: %s', async (...[, contract, finding, words]) => {
    const one = await followed({ contract }, all)
    expect(told(one)[0]).toEqual(finding)
    expect(one.standing[0]).toMatchObject(words)
  })

  test('tells nulls where none may be, unless they were produced', async () => {
    const contract = { columns: { note: { notNull: true } } }
    const one = await followed(
      { contract, expect: [{ field: 'note', type: 'VARCHAR', sql: `coalesce(note, 'none')` }] },
      changed(() => ({ note: 'none' })),
    )
    expect(told(one).filter(([violation]) => violation !== 'corrupted')).toEqual([])
    const produced = await followed({ contract }, all)
    expect(produced.rule('contract: note not null')?.exempt).toBeGreaterThan(0)
    expect(told(produced)).toEqual([])
  })

  test('tells nulls that came to be beside those that were produced', async () => {
    const contract = { columns: { note: { notNull: true } } }
    const name = 'contract: note not null'
    const exempt = (await followed({ contract }, all)).rule(name)?.exempt ?? 0
    const emptied = await followed(
      { contract },
      changed(() => ({ note: null })),
    )
    expect(emptied.rule(name)).toEqual({ rows: 40, broken: 40 - exempt, exempt, unchecked: null })
    expect([exempt > 0, exempt < 40]).toEqual([true, true])
    expect(told(emptied).filter(([, rule]) => rule === name)).toHaveLength(40 - exempt)
  })

  test('of freshness tells the newest canary of a commit that came too late', async () => {
    const one = await followed({ contract: { freshness: { withinMs: 1 } } }, all.slice(0, 1))
    const [first] = one.standing
    expect(first).toMatchObject({ violation: 'late', rule: 'contract: freshness', stream: 0, field: 'traded_at' })
    expect(first?.actual).toMatch(/^the newest was \d+ ms old$/)
  })
})
