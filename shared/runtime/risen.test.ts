import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'
import { createRisen } from './risen.ts'

test('a counter follows a total that is kept elsewhere, over a successor that begins at 0', async () => {
  const row = { name: 'a_total', type: 'counter', unit: 'things', help: 'A.', labels: { of: ['x', 'y'] } } as const
  const metrics = createMetrics([row], { processMetrics: false })
  const risen = createRisen(metrics)
  const value = async (of: string) => Number(new RegExp(`of="${of}"\\} (\\d+)`).exec((await metrics.text()).text)?.[1])
  const seen: number[] = []
  for (const total of [0, 5, 5, 7, 2, 3]) {
    risen('a_total', total, { of: 'x' })
    seen.push(await value('x'))
  }
  expect(seen).toEqual([0, 5, 5, 7, 9, 10])
  expect(await value('y')).toBe(0)
})
