import { describe, expect, test } from 'vitest'
import type { CanaryRecord, RecordField } from '../../shared/core/record-schema.ts'
import { contract as contractSchema } from '../../topology/rules.ts'
import { ContractCheck } from './contract-check.ts'

const fields: RecordField[] = [
  { name: 'id', type: { kind: 'string' }, nullable: false },
  { name: 'price', type: { kind: 'decimal', precision: 18, scale: 6 }, nullable: false },
  { name: 'side', type: { kind: 'enum', symbols: ['BUY', 'SELL'] }, nullable: false },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  { name: 'batch', type: { kind: 'long' }, nullable: false },
]
const record: CanaryRecord = { id: 'a', price: 1_500_000n, side: 'BUY', note: 'x', batch: 7 }
/** Everything but `batch`, which the pipeline adds, is known from what was produced. */
const expected = new Map<string, string | null>([
  ['id', 'a'],
  ['price', '1.500000'],
  ['side', 'BUY'],
  ['note', 'x'],
])

interface Told {
  readonly said?: CanaryRecord
  readonly own?: readonly RecordField[]
  readonly wanted?: ReadonlyMap<string, string | null>
  readonly seq?: number
  readonly opaque?: ReadonlyMap<string, string>
}

function checker(declared: object) {
  const contract = contractSchema.parse(declared)
  if (contract === null) throw new Error('expected a contract')
  const check = new ContractCheck(contract)
  return ({ said = {}, own = fields, wanted = expected, seq = 0, opaque = new Map() }: Told = {}) => {
    const given = { record: { ...record, ...said }, fields: own, opaque }
    return check.check({ stream: 0, seq, partition: 0, ...given, expectedText: (name) => wanted.get(name) })
  }
}

const whole = {
  columns: {
    price: { type: 'DECIMAL(18,6)', notNull: true, range: ['0.000001', '2'] },
    side: { type: 'enum', oneOf: ['BUY', 'SELL'] },
    note: { notNull: true },
    batch: { range: ['1', '9'] },
  },
  unique: [['id']],
}

describe('a contract of a topic', () => {
  test('that a record keeps says nothing', () => {
    expect(checker(whole)()).toEqual({ faults: [], broken: [], exempt: [] })
  })

  test.each<[what: string, told: Told, finding: object]>([
    [
      'a column that is gone',
      { own: fields.slice(0, 4) },
      { violation: 'schema-violated', rule: 'contract: batch', actual: 'no such column' },
    ],
    [
      'another type',
      { own: fields.map((field) => (field.name === 'side' ? { ...field, type: { kind: 'string' } as const } : field)) },
      {
        violation: 'schema-violated',
        rule: 'contract: side',
        field: 'side',
        expected: 'a column of type enum',
        actual: 'a column of type string',
      },
    ],
    ['null', { said: { note: null } }, { violation: 'schema-violated', rule: 'contract: note not null', field: 'note', actual: 'null' }],
    [
      'a value below the range',
      { said: { price: 0n } },
      { violation: 'rule-broken', rule: 'contract: price range', expected: 'from 0.000001 to 2', actual: '0.000000' },
    ],
    ['a value beyond it', { said: { batch: 10 } }, { violation: 'rule-broken', rule: 'contract: batch range', actual: '10' }],
    ['a symbol that is not named', { said: { side: 'HOLD' } }, { violation: 'rule-broken', rule: 'contract: side one of', actual: 'HOLD' }],
  ])('tells %s with field, expected and actual', (...[, told, finding]) => {
    const { faults, broken, exempt } = checker(whole)(told)
    expect(faults).toMatchObject([finding])
    expect(broken).toEqual(faults.map(({ rule }) => rule))
    expect(exempt).toEqual([])
  })

  test('holds a value with a fraction to a bound that has none', () => {
    const say = checker({ columns: { price: { range: ['2', '3'] } } })
    const told = (price: bigint) => say({ said: { price }, wanted: new Map() }).faults.map(({ actual }) => actual)
    expect([told(1_500_000n), told(2_500_000n), told(3_500_000n)]).toEqual([['1.500000'], [], ['3.500000']])
  })

  test('accuses nobody of what was produced so', () => {
    const wanted = new Map([...expected, ['price', '-1.000000'], ['note', null]] as [string, string | null][])
    const { faults, exempt } = checker(whole)({ said: { price: -1_000_000n, note: null }, wanted })
    expect(faults).toEqual([])
    expect(exempt).toEqual(['contract: price range', 'contract: note not null'])
  })

  test('counts an expected field that is gone, and leaves it to the content to tell', () => {
    const { faults, broken } = checker({ columns: { price: {} } })({ own: fields.filter(({ name }) => name !== 'price') })
    expect({ faults, broken }).toEqual({ faults: [], broken: ['contract: price'] })
  })

  test('holds a field whose type nobody models to nothing', () => {
    const say = checker({ columns: { batch: { type: 'long', notNull: true } }, unique: [['side', 'batch']] })
    const own = fields.filter(({ name }) => name !== 'batch')
    const opaque = new Map([['batch', 'array']])
    for (const seq of [0, 1]) expect(say({ own, opaque, seq })).toEqual({ faults: [], broken: [], exempt: [] })
  })

  test('tells a key that two canaries share, not one canary that comes twice, nor keys that are produced alike', () => {
    const say = checker({ unique: [['batch'], ['side']] })
    expect(say({ seq: 0 }).faults).toEqual([])
    expect(say({ seq: 0 }).faults).toEqual([])
    const second = say({ seq: 1 })
    expect(second.faults).toMatchObject([{ rule: 'contract: unique batch', field: 'batch', actual: '["7"], as in canary 0/0' }])
    expect(second.exempt).toEqual(['contract: unique side'])
    expect(say({ seq: 2, said: { batch: 8 } }).broken).toEqual([])
  })

  test('shares no key that is null', () => {
    const own = fields.map((field) => (field.name === 'batch' ? { ...field, nullable: true } : field))
    const say = checker({ unique: [['batch']] })
    for (const seq of [0, 1, 2]) expect(say({ own, seq, said: { batch: null } })).toEqual({ faults: [], broken: [], exempt: [] })
  })
})
