import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginOrder, placeDelivery } from './order.ts'

/** A server that sends messages in order, some of them again later, and a network that loses some of what it sends. */
const histories = fc.record({
  first: fc.integer({ min: 1, max: 1_000 }),
  gaps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 }),
  again: fc.array(fc.nat(39), { maxLength: 10 }),
  lost: fc.array(fc.nat(49), { maxLength: 3 }),
})

test('what is taken is the stream in its order without a hole, whatever comes again or is lost on its way', () => {
  let stopped = 0
  fc.assert(
    fc.property(histories, ({ first, gaps, again, lost }) => {
      let sequence = first - 1
      const stream = gaps.map((gap) => (sequence += gap))
      const sent = [...stream, ...again.filter((index) => index < stream.length).map((index) => stream[index] as number)]
      const order = beginOrder(first)
      const taken: number[] = []
      for (const [index, streamSequence] of sent.entries()) {
        if (lost.includes(index)) continue
        const place = placeDelivery(order, { deliverySequence: index + 1, streamSequence })
        if (place === 'take') taken.push(streamSequence)
        if (place === 'gap') {
          stopped++
          break
        }
      }
      expect(taken).toEqual(stream.slice(0, taken.length))
      const lostFirst = Math.min(...lost, sent.length)
      expect(taken).toHaveLength(Math.min(lostFirst, stream.length))
    }),
  )
  expect(stopped).toBeGreaterThan(0)
})
