import { describe, expect, test } from 'vitest'
import { canaryContent } from '../../shared/core/canary.ts'
import { readRecordSchema } from '../../shared/core/record-schema.ts'
import { RUN, resolvedOf, smokePlan } from '../../shared/core/told-run.fixture.ts'
import { mirrorPlants } from '../../shared/core/mirror.ts'
import type { RecordOutcome } from '../../shared/runtime/kafka-writer.ts'
import { changedRecord, copiesOf, fieldToChange, jointOutcome, turnOf } from './planting.ts'

const resolved = resolvedOf({ ...smokePlan, load: { ...smokePlan.load, mirror: { each: 1 } } })
const { load } = resolved.plan
const seqOf = (defect: string) => mirrorPlants(load).find((plant) => plant.defect === defect)?.seq as number
const written = (defect: string) => copiesOf(load, 2, seqOf(defect))
const whole = { isChanged: false, hasHeaders: true }

describe('what is written of a canary', () => {
  test('is itself, once, unless a defect is planted with it', () => {
    expect(copiesOf(load, 0, 0)).toEqual([whole])
    expect(copiesOf(load, 2, 1)).toEqual([whole])
    expect(copiesOf(resolvedOf().plan.load, 2, 0)).toEqual([whole])
  })
  test.each([
    { defect: 'skipped', copies: [] },
    { defect: 'doubled', copies: [whole, whole] },
    { defect: 'changed', copies: [{ isChanged: true, hasHeaders: true }] },
    { defect: 'headerless', copies: [{ isChanged: false, hasHeaders: false }] },
    { defect: 'delayed', copies: [whole] },
    { defect: 'swapped', copies: [whole] },
  ])('is, of a $defect one, $copies', ({ defect, copies }) => {
    expect(written(defect)).toEqual(copies)
  })
  test('goes in the order of seq, but for a swapped pair', () => {
    const swapped = seqOf('swapped')
    const order = Array.from({ length: 12 }, (_, seq) => seq).sort((a, b) => turnOf(load, 2, a) - turnOf(load, 2, b))
    const expected = Array.from({ length: 12 }, (_, seq) => seq)
    expected.splice(swapped, 2, swapped + 1, swapped)
    expect(order).toEqual(expected)
    expect([turnOf(load, 0, 4), turnOf(load, 0, 5)]).toEqual([4, 5])
  })
})

describe('a changed canary', () => {
  const fields = readRecordSchema(resolved.recordSchema)
  const { record, recordSchema } = resolved
  const at = canaryContent({ runId: RUN, seed: 7, load, record, fields: readRecordSchema(recordSchema) })

  test('is wrong in one field that every hop keeps, and that says neither who nor where nor when it is', () => {
    const field = fieldToChange(resolved, fields)
    const kept = [record.identity, record.key, record.marker.field, record.eventTime]
    expect(kept).not.toContain(field?.name)
    const right = at(2, 4)
    const wrong = changedRecord(right, field as NonNullable<typeof field>, (more) => at(2, 4 + more))
    const differing = fields.filter(({ name }) => right[name] !== wrong?.[name]).map(({ name }) => name)
    expect(differing).toEqual([field?.name])
    expect(wrong?.[field?.name ?? '']).not.toBe(null)
  })

  test('is none where no field is free, or no other value is there', () => {
    const taken = {
      ...resolved,
      hops: resolved.hops.map((hop) =>
        hop.kind === 'table' ? { ...hop, expect: fields.map(({ name }) => ({ field: name, type: 'VARCHAR', sql: name })) } : hop,
      ),
    }
    expect(fieldToChange(taken, fields)).toBe(null)
    const [field] = fields
    if (field === undefined) throw new Error('the record has fields')
    expect(changedRecord(at(2, 4), field, () => at(2, 4))).toBe(null)
  })

  test('is wrong in plain text rather than in digits, which may count as lost precision', () => {
    const free = { record: { ...record, fields: {} }, hops: [] }
    const string = { type: { kind: 'string' }, nullable: false } as const
    const decimal = { type: { kind: 'decimal', precision: 9, scale: 2 }, nullable: false } as const
    expect(
      fieldToChange(free, [
        { name: 'amount', ...decimal },
        { name: 'note', ...string },
      ])?.name,
    ).toBe('note')
    expect(fieldToChange(free, [{ name: 'amount', ...decimal }])?.name).toBe('amount')
    const fixed = { record: { ...record, fields: { note: { fixed: 'x', edges: true } } }, hops: [] }
    expect(fieldToChange(fixed, [{ name: 'note', ...string }])).toBe(null)
  })
})

describe('the outcome of a canary', () => {
  const acknowledged: RecordOutcome = { outcome: 'acknowledged', partition: 0, offset: 7 }
  const failed: RecordOutcome = { outcome: 'failed', partition: 0, reason: 'refused' }
  test('is that of its record', () => {
    expect(jointOutcome([acknowledged])).toBe(acknowledged)
    expect(jointOutcome([failed])).toBe(failed)
  })
  test('is in doubt where its records fared differently', () => {
    expect(jointOutcome([acknowledged, acknowledged]).outcome).toBe('acknowledged')
    expect(jointOutcome([acknowledged, failed]).outcome).toBe('unknown')
    expect(jointOutcome([failed, acknowledged]).outcome).toBe('unknown')
  })
  test('is that it was not written, where nothing was', () => {
    expect(jointOutcome([]).outcome).toBe('failed')
  })
})
