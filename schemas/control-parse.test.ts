import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { controlAvroSchema, encodeControl } from './avro.ts'
import { CONTROL_BYTES_MAX, EXCERPT_LENGTH_MAX, parseControl, schemaIdOf } from './control-parse.ts'
import type { RunRequested } from './control.ts'
import { jsonStructureOf } from './json-structure.ts'

const RUN_ID = '0193a5b0-0000-7000-8000-000000000001'
const request: RunRequested = { kind: 'run-requested', runId: null, plan: 'smoke', parameters: {}, window: null, requestedBy: 'unknown' }
const utf8 = (text: string) => Buffer.from(text, 'utf8')
const json = (value: unknown) => utf8(JSON.stringify(value))
const framed = (body: Uint8Array, id = 7) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), body])
const run = (fields: object) => json({ kind: 'run-requested', plan: 'smoke', ...fields })

describe('what is understood', () => {
  test.each<[string, Uint8Array]>([
    ['the shortest', utf8('{"kind":"run-requested","plan":"smoke"}')],
    ['white space and a line end around it', utf8('\r\n\t {"kind":"run-requested","plan":"smoke"} \n')],
    ['a byte order mark', utf8('\ufeff{"kind":"run-requested","plan":"smoke"}')],
    ['Avro', framed(encodeControl(request))],
  ])('%s', (_, value) => {
    expect(parseControl(value, () => controlAvroSchema)).toEqual({ ok: true, message: request })
  })

  test('a whole plan as an object becomes its text', () => {
    expect(parseControl(run({ plan: { name: 'mine', stages: [] } }))).toEqual({
      ok: true,
      message: { ...request, plan: '{"name":"mine","stages":[]}' },
    })
  })

  test('Avro without a registry is read as the own schema', () => {
    expect(parseControl(framed(encodeControl(request)))).toEqual({ ok: true, message: request })
    expect(schemaIdOf(framed(encodeControl(request), 9))).toBe(9)
    expect(schemaIdOf(utf8('{}'))).toBeNull()
  })

  test('the same name in two objects is no repetition, nor is a name within a text', () => {
    expect(parseControl(run({ parameters: { plan: 'x', a: '"plan":1,"plan":2' } })).ok).toBe(true)
  })
})

const malformed: readonly [title: string, value: Uint8Array | null, problems: readonly string[]][] = [
  ['a tombstone', null, ['message: expected JSON or Avro, got no value (a tombstone)']],
  ['nothing', utf8(''), ['message: expected a JSON object, got an empty text']],
  ['white space', utf8(' \n'), ['message: expected a JSON object, got an empty text']],
  ['a word', utf8('smoke'), ['message: expected JSON, got text that is none: Unexpected token \'s\', "smoke" is not valid JSON']],
  ['JSON cut short', utf8('{"kind":"run-requested",'), [expect.stringContaining('got text that is none')]],
  ['NaN', utf8('{"kind":"run-requested","plan":NaN}'), [expect.stringContaining("Unexpected token 'N'")]],
  ['an array', json([1, 2]), ['message: expected a JSON object, got an array of 2']],
  ['a number', json(7), ['message: expected a JSON object, got 7']],
  ['null', json(null), ['message: expected a JSON object, got null']],
  ['no kind', json({ plan: 'smoke' }), ['kind: expected one of run-requested, run-cancelled, got nothing']],
  [
    'the word kind misspelt',
    json({ Kind: 'run-requested' }),
    ['kind: expected one of run-requested, run-cancelled (is "Kind" meant for it?), got nothing'],
  ],
  ['a kind that is no text', json({ kind: 3 }), ['kind: expected one of run-requested, run-cancelled, got 3']],
  ['an unknown kind', json({ kind: 'make-tea' }), ['kind: expected one of run-requested, run-cancelled, got "make-tea"']],
  [
    'a misspelt kind',
    json({ kind: 'run_requsted' }),
    ['kind: expected one of run-requested, run-cancelled (did you mean "run-requested"?), got "run_requsted"'],
  ],
  ['a misspelt field', run({ run_id: RUN_ID }), [`run_id: expected no such field (did you mean "runId"?), got "${RUN_ID}"`]],
  ['a field of nobody', run({ colour: 'red' }), ['colour: expected no such field, got "red"']],
  [
    'wrong types, all of them told',
    json({ kind: 'run-requested', plan: 5, parameters: { a: 1 }, window: 'x', requestedBy: null }),
    [
      'plan: expected a string, got 5',
      'parameters.a: expected a string, got 1',
      'window: expected an object, got "x"',
      'requestedBy: expected a string, got null',
    ],
  ],
  ['no plan', json({ kind: 'run-requested' }), ['plan: expected a string, got nothing']],
  ['an empty plan', run({ plan: '' }), ['plan: expected at least 1 characters, got ""']],
  [
    'a bad run id',
    json({ kind: 'run-cancelled', runId: 'RUN-1' }),
    ['runId: expected a lower-case UUID, 8-4-4-4-12 hex digits, got "RUN-1"'],
  ],
  ['an index that is none', run({ window: { series: RUN_ID, index: 0.5 } }), ['window.index: expected an integer, got 0.5']],
  ['an index of nought', run({ window: { series: RUN_ID, index: 0 } }), ['window.index: expected more than 0, got 0']],
  [
    'a huge plan',
    run({ plan: 'x'.repeat(70_000) }),
    [`plan: expected at most 65536 characters, got "${'x'.repeat(60)}"… (70000 characters)`],
  ],
  [
    'a message beyond all size',
    Buffer.alloc(CONTROL_BYTES_MAX + 1, ' '),
    [`message: expected at most ${CONTROL_BYTES_MAX} bytes, got ${CONTROL_BYTES_MAX + 1}`],
  ],
  [
    'deep nesting',
    utf8(`{"kind":"run-requested","plan":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    ['message: expected at most 32 levels of nesting, got 50001'],
  ],
  ['a field twice', utf8('{"kind":"run-requested","plan":"a","pl\\u0061n":"b"}'), ['"plan": expected each field once, got it again']],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), ['message: expected UTF-8, got bytes that are not']],
  ['UTF-16', Buffer.from('\ufeff{"kind":"run-requested"}', 'utf16le'), ['message: expected UTF-8, got bytes that are not']],
  [
    'an unknown magic',
    Buffer.from([1, 0, 0, 0, 7, 2]),
    ['message: expected JSON text or a Confluent frame (first byte 0), got first byte 1'],
  ],
  ['a frame cut short', Buffer.from([0, 0, 0]), ['message: expected a Confluent frame (0, four bytes of schema id, body), got 3 bytes']],
  ['Avro of an unknown schema', framed(encodeControl(request), 8), ['message: expected a schema id the registry knows, got 8']],
  ['Avro cut short', framed(encodeControl(request).subarray(0, 6)), ['run-requested: cut short: the body ends after 6 bytes']],
  ['Avro of another kind', framed(Buffer.from([40])), ['kind: number 20 of the union, which has 2']],
  [
    'Avro with a bad run id',
    framed(encodeControl({ kind: 'run-cancelled', runId: '', reason: '', requestedBy: '' })),
    [expect.stringMatching(/^runId: expected a lower-case UUID.*, got ""$/)],
  ],
]

describe('what is refused, and why', () => {
  test.each(malformed)('%s', (_, value, problems) => {
    const parsed = parseControl(value, (id) => (id === 7 ? controlAvroSchema : undefined))
    expect(parsed).toMatchObject({ ok: false, problems })
    expect(parsed.ok ? 0 : parsed.problems.length).toBe(problems.length)
  })

  test('the excerpt is short, of one line and printable', () => {
    const parsed = parseControl(utf8(`{"kind":"\u0007x",\n\t"plan":"${'\u202e'.repeat(500)}"}`))
    expect(parsed.ok ? '' : parsed.excerpt).toMatch(/^\{"kind":"·x", "plan":"·+$/)
    expect(parsed.ok ? '' : parsed.excerpt).toHaveLength(EXCERPT_LENGTH_MAX)
  })

  test('a hundred wrong fields are not a hundred problems', () => {
    const parsed = parseControl(run(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`colour${i}`, i]))))
    expect(parsed.ok ? [] : parsed.problems).toHaveLength(21)
    expect(parsed.ok ? '' : parsed.problems.at(-1)).toBe('and 80 more')
  })

  test('no bytes and no JSON make it throw', () => {
    const frame = (body: Uint8Array) => framed(body)
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 80 }).map(frame),
      fc.json().map(utf8),
      fc.object().map(run),
    )
    fc.assert(
      fc.property(anything, (value) => {
        const parsed = parseControl(value)
        if (!parsed.ok) expect(parsed.problems.length).toBeGreaterThan(0)
      }),
      { numRuns: 1000 },
    )
  })
})

test('the structure of JSON text agrees with what JSON.parse gives', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(jsonStructureOf(JSON.stringify(value, null, 1))).toEqual({
        depth: depthOf(JSON.parse(JSON.stringify(value))),
        doubledNames: [],
      })
    }),
  )
})
