import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { natsOutcome } from './nats-outcome.ts'
import { subjectFilter, subjectOf } from './nats.ts'

describe('the subject of a record', () => {
  test('is one token for each key, and different for different keys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const subject = subjectOf('market.in.{key}', a)
        expect(subject).toMatch(/^market\.in\.[\w=-]+$/)
        expect(subject === subjectOf('market.in.{key}', b)).toBe(a === b)
      }),
    )
  })

  test('leaves ordinary keys as they are, and its filter stands for all of them', () => {
    expect(subjectOf('market.in.{key}', 'assay-7f-3')).toBe('market.in.assay-7f-3')
    expect(subjectFilter('market.in.{key}')).toBe('market.in.*')
    expect([subjectOf('market.in', 'x'), subjectFilter('market.in')]).toEqual(['market.in', 'market.in'])
  })
})

test.each([
  ['nothing left this process', 0, 'TIMEOUT', 'failed'],
  ['refused by the client before sending', 1, 'MAX_PAYLOAD_EXCEEDED', 'failed'],
  ['refused by the stream', 1, '10077', 'failed'],
  ['refused after an attempt that may have been stored', 2, '10077', 'unknown'],
  ['no answer', 1, 'TIMEOUT', 'unknown'],
  ['anything else', 1, 'DISCONNECT', 'unknown'],
])('%s', (...[, attempts, errorType, outcome]) => {
  expect(natsOutcome({ attempts, errorType }, 'why')).toEqual({ outcome, partition: 0, reason: 'why' })
})
