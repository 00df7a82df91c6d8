import { describe, expect, test } from 'vitest'
import { canaryContent } from '../../shared/core/canary.ts'
import { mirrorPlants } from '../../shared/core/mirror.ts'
import { RUN, recordSchema, resolvedOf, smokePlan } from '../../shared/core/told-run.fixture.ts'
import { recordCodec } from '../../shared/runtime/record-codec.ts'
import type { MirrorDefect } from '../../topology/plan.ts'
import { recordsOf, type RunSource } from './outgoing.ts'
import { fieldToChange } from './planting.ts'

const resolved = resolvedOf({ ...smokePlan, load: { ...smokePlan.load, mirror: { each: 1 } } })
const codec = recordCodec(1, recordSchema)
const at = canaryContent({ runId: RUN, seed: 7, load: resolved.plan.load, record: resolved.record, fields: codec.fields })
const source: RunSource = { at, codec, keyType: { kind: 'string' }, toChange: fieldToChange(resolved, codec.fields) }
const written = (stream: number, seq: number, from = source) => recordsOf({ runId: RUN, canary: { stream, seq }, source: from, resolved })
const seqOf = (defect: MirrorDefect) => mirrorPlants(resolved.plan.load).find((plant) => plant.defect === defect)?.seq ?? -1
const planted = (defect: MirrorDefect, from = source) => written(2, seqOf(defect), from)

describe('the records of a canary', () => {
  test('are one, with its content, its key and its trace', () => {
    const [record, ...more] = written(1, 3)
    expect(more).toEqual([])
    expect(codec.decode(record?.value ?? Buffer.alloc(0))).toEqual(at(1, 3))
    expect([record?.canary, record?.copy, record?.key]).toEqual([{ runId: RUN, stream: 1, seq: 3 }, 0, 's01'])
    expect(Object.keys(record?.headers ?? {})).toEqual(['traceparent'])
  })
  test('are none of a skipped one', () => {
    expect(planted('skipped')).toEqual([])
  })
  test('are two of a doubled one, alike, and told apart by their number', () => {
    const [first, second, ...more] = planted('doubled')
    expect(more).toEqual([])
    expect([first?.copy, second?.copy]).toEqual([0, 1])
    expect({ ...second, copy: 0 }).toEqual(first)
  })
  test('differ in one field where it is changed, and stay where they go', () => {
    const [record] = planted('changed')
    const right = at(2, seqOf('changed'))
    const wrong = codec.decode(record?.value ?? Buffer.alloc(0))
    expect(codec.fields.filter(({ name }) => wrong[name] !== right[name]).map(({ name }) => name)).toEqual(['note'])
    expect([record?.key, Object.keys(record?.headers ?? {})]).toEqual(['s02', ['traceparent']])
  })
  test('are none of a changed one where there is nothing to change: it counts as not planted', () => {
    expect(planted('changed', { ...source, toChange: null })).toEqual([])
  })
  test('lack their headers where those are to be missed', () => {
    const [record] = planted('headerless')
    expect(record?.headers).toEqual({})
    expect(codec.decode(record?.value ?? Buffer.alloc(0))).toEqual(at(2, seqOf('headerless')))
  })
  test.each(['delayed', 'swapped'] as const)('are whole of a %s one', (defect) => {
    const [record] = planted(defect)
    expect(codec.decode(record?.value ?? Buffer.alloc(0))).toEqual(at(2, seqOf(defect)))
    expect(Object.keys(record?.headers ?? {})).toEqual(['traceparent'])
  })
})
