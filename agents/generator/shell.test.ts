import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { RUN, recordSchema, resolvedOf, topology } from '../../shared/core/told-run.fixture.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { framedSchemaId } from '../../shared/runtime/record-codec.ts'
import { createTracing } from '../../shared/runtime/tracing.ts'
import type { OutgoingCanary } from './canary-writers.ts'
import type { ChunkOutcome } from './core.ts'
import { generatorMetrics } from './metrics.ts'
import type { Chunk } from './pace.ts'
import { GeneratorShell } from './shell.ts'

const ID = 5
/** What the subject of the record has, by text. */
let registered: Map<string, number>
let asked: number
let written: OutgoingCanary[]
let shell: GeneratorShell

beforeEach(() => {
  registered = new Map([[recordSchema, ID]])
  asked = 0
  written = []
  shell = new GeneratorShell({
    agent: {
      clock: { nowMs: () => 10_000, every: () => () => undefined },
      log: createLog({ agent: 'generator', instance: 't', level: 'silent' }),
      metrics: createMetrics(generatorMetrics, { processMetrics: false }),
      bus: { publish: () => undefined, flush: () => Promise.resolve(true), request: () => Promise.resolve({ offset: 0 }) },
      tracing: createTracing({ kind: 'none', endpoint: '', agent: 'generator', instance: 't' }),
    },
    topology,
    writer: {
      write(canaries) {
        written.push(...canaries)
        return Promise.resolve(canaries.map((_, offset) => ({ outcome: 'acknowledged', partition: 0, offset })))
      },
      close: () => Promise.resolve(),
    },
    registry: {
      idOf(subject, text) {
        asked++
        const id = registered.get(text)
        return id === undefined ? Promise.reject(new AssayError('SCHEMA_UNKNOWN', `not in ${subject}`)) : Promise.resolve(id)
      },
    },
  })
})

const canaries = [0, 1].map((stream) => ({ stream, ranges: [0, 9] }))
const chunk: Chunk = { placeFirst: 0, placeEnd: 20, canaries }
const write = (resolved = resolvedOf()) =>
  new Promise<ChunkOutcome>((done) => {
    shell.perform({ type: 'write-chunk', runId: RUN, chunk, epochMs: 0, resolved }, (event) => {
      if (event.type === 'chunk-written') done(event.outcome)
    })
  })

describe('a run', () => {
  test('is written under the id of the very schema it was accepted with, whatever is newer', async () => {
    registered = new Map([
      ['{"type":"record","name":"Newer","fields":[]}', 9],
      [recordSchema, ID],
    ])
    expect(await write()).toMatchObject({ acknowledged: canaries, failed: [], reason: null })
    expect(new Set(written.map(({ value }) => framedSchemaId(value)))).toEqual(new Set([ID]))
    expect(written).toHaveLength(20)
  })

  test('whose schema the registry does not have any more is not written: all of it has failed, and why is told', async () => {
    registered.clear()
    expect(await write()).toMatchObject({ acknowledged: [], unknown: [], failed: canaries, reason: 'not in raw-value' })
    expect(written).toEqual([])
    // Asked for again with the next chunk: a registry may have been restored.
    registered.set(recordSchema, ID)
    expect(await write()).toMatchObject({ acknowledged: canaries, failed: [] })
  })

  test('of which the schema cannot hold some canaries goes on with the others; those have failed, and why is told', async () => {
    const schema = JSON.parse(recordSchema) as { fields: object[] }
    const side = { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } }
    const withSide = JSON.stringify({ ...schema, fields: [...schema.fields, side] })
    registered.set(withSide, ID)
    const resolved = resolvedOf()
    const fields = { side: { oneOf: ['BUY', 'SEL'], edges: true } }
    const { acknowledged, unknown, failed, reason } = await write({
      ...resolved,
      recordSchema: withSide,
      record: { ...resolved.record, fields },
    })
    const sizes = [acknowledged, failed].map((wire) => CanarySet.of(wire).size)
    expect(sizes).toEqual([written.length, 20 - written.length])
    expect(sizes.every((size) => size > 0)).toBe(true)
    expect(unknown).toEqual([])
    expect(reason).toMatch(/^a canary cannot be encoded: .*SEL/)
  })

  test('is let go of when it is over, with all that was kept for it, and no chunk that waits is lost by that', async () => {
    const forget = () => {
      shell.perform({ type: 'forget-run', runId: RUN }, () => undefined)
    }
    const first = write()
    forget()
    for (const outcome of await Promise.all([first, write()])) expect(outcome).toMatchObject({ acknowledged: canaries })
    expect(asked).toBe(1)
    forget()
    await setImmediate()
    // What nothing is kept for is made anew.
    await write()
    expect(asked).toBe(2)
    await write()
    expect(asked).toBe(2)
  })
})
