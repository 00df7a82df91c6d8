import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { byService } from './span-exporters.ts'

type SpanExporter = ReturnType<typeof byService>
type Span = Parameters<SpanExporter['export']>[0][number]
type Done = Parameters<SpanExporter['export']>[1]
type Result = Parameters<Done>[0]
const ok = JSON.parse('{"code":0}') as Result

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const span = (service: string) => JSON.parse(JSON.stringify({ resource: { attributes: { 'service.name': service } } })) as Span

/** Answers when it is told to. */
function fakes() {
  const made: { service: unknown; spans: number; closed: boolean; answer: Done }[] = []
  const create = (process: Span['resource']): SpanExporter => {
    const one = { service: process.attributes['service.name'], spans: 0, closed: false, answer: vi.fn() as Done }
    made.push(one)
    return {
      export(spans, done) {
        one.spans += spans.length
        one.answer = done
      },
      shutdown: () => {
        one.closed = true
        return Promise.resolve()
      },
    }
  }
  return { made, create }
}
const exported = (exporter: SpanExporter, services: readonly string[]) =>
  new Promise<Result>((resolve) => {
    exporter.export(services.map(span), resolve)
  })

test('spans go out by service, each to an exporter of its own, which is kept', async () => {
  const { made, create } = fakes()
  const exporter = byService(create)
  for (let round = 0; round < 2; round++) {
    const result = exported(exporter, ['a', 'b', 'a'])
    for (const one of made) one.answer(ok)
    expect(await result).toEqual(ok)
  }
  expect(made.map(({ service, spans }) => [service, spans])).toEqual([
    ['a', 4],
    ['b', 2],
  ])
})

test('an exporter that never answers is given up, closed and made anew: nothing waits for ever', async () => {
  const { made, create } = fakes()
  const exporter = byService(create, 100)
  const stuck = exported(exporter, ['a'])
  await vi.advanceTimersByTimeAsync(101)
  expect(await stuck).toMatchObject({ code: 1, error: new Error('no answer within 100 ms') })
  expect(made.map(({ closed }) => closed)).toEqual([true])
  const again = exported(exporter, ['a'])
  made[1]?.answer(ok)
  expect(await again).toEqual(ok)
  expect(made).toHaveLength(2)
})
