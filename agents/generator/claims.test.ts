import { describe, expect, test } from 'vitest'
import { emptyEvidence, foldEvidence } from '../../shared/core/evidence.ts'
import { resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { hearIntent, letGoOfWritten, newClaims, takeWritable, WRITTEN_WITHIN_MS, type Claims } from './claims.ts'
import { nextChunk } from './pace.ts'

const { load } = resolvedOf().plan
const hearing = { load, epochMs: 0, isNamesake: false, caughtUpMs: 100 }
const chunkAt = (placeFirst: number) => nextChunk(load, placeFirst)
const intentOf = (placeFirst: number, atMs: number) =>
  told('canaries-intended', {
    atMs,
    placeFirst,
    shiftMs: 0,
    canaries: chunkAt(placeFirst).canaries.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] })),
  })

/** We have intended the chunk at 200 ms, and not heard it yet. */
const intended = (claims: Claims, placeFirst: number) =>
  claims.intended.push({ chunk: chunkAt(placeFirst), shiftMs: 0, atMs: 200, isHeard: false })
const ours = (claims: Claims, placeFirst: number) => {
  hearIntent(claims, intentOf(placeFirst, 200), { ...hearing, isNamesake: true })
}
const theirs = (claims: Claims, placeFirst: number) => {
  hearIntent(claims, intentOf(placeFirst, 201), hearing)
}
const written = (claims: Claims) => takeWritable(claims)?.chunk.canaries ?? null

describe('of two that intend the same canaries', () => {
  test('the one whose intent stands first writes them', () => {
    const claims = newClaims()
    intended(claims, 0)
    expect(written(claims)).toBeNull()
    ours(claims, 0)
    theirs(claims, 0)
    expect(written(claims)).toEqual(chunkAt(0).canaries)
    expect(claims.open).toEqual([])
  })

  test('the other writes nothing of them, even if it heard itself twice', () => {
    const claims = newClaims()
    intended(claims, 0)
    theirs(claims, 0)
    ours(claims, 0)
    ours(claims, 0)
    expect(written(claims)).toEqual([])
    expect(claims.open).toHaveLength(1)
  })

  test('and who is called as we are counts as another, if it is not what was before us', () => {
    const [after, before] = [newClaims(), newClaims()]
    hearIntent(after, intentOf(0, 101), { ...hearing, isNamesake: true })
    hearIntent(before, intentOf(0, 100), { ...hearing, isNamesake: true })
    expect([after.open.length, before.open.length]).toEqual([1, 0])
  })
})

describe('while another may be writing', () => {
  test('what comes behind waits until it is vouched for', () => {
    const claims = newClaims()
    const evidence = emptyEvidence()
    theirs(claims, 0)
    intended(claims, 20)
    ours(claims, 20)
    letGoOfWritten(claims, evidence, 1_000)
    expect(written(claims)).toBeNull()
    const { canaries } = intentOf(0, 0)
    foldEvidence(evidence, told('canaries-produced', { acknowledged: canaries.slice(0, 1), unknown: canaries.slice(1) }))
    letGoOfWritten(claims, evidence, 1_000)
    expect(written(claims)).toEqual(chunkAt(20).canaries)
  })

  test('or until it cannot be on its way any more', () => {
    const claims = newClaims()
    theirs(claims, 0)
    intended(claims, 20)
    ours(claims, 20)
    // The last of twenty is due after 1,900 ms.
    letGoOfWritten(claims, emptyEvidence(), 1_900 + WRITTEN_WITHIN_MS)
    expect(written(claims)).toBeNull()
    letGoOfWritten(claims, emptyEvidence(), 1_901 + WRITTEN_WITHIN_MS)
    expect(written(claims)).not.toBeNull()
  })

  test('what comes before it need not wait', () => {
    const claims = newClaims()
    intended(claims, 0)
    theirs(claims, 20)
    ours(claims, 0)
    expect(written(claims)).toEqual(chunkAt(0).canaries)
  })
})
