import { expect, test } from 'vitest'
import { RUN, resolvedOf } from '../../shared/core/told-run.fixture.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { useScratchEngine } from '../../shared/engines/scratch-engine.fixture.ts'
import { expectedRelation } from './expected-relation.ts'

const scratch = useScratchEngine()
const canaries = runCanaries(RUN, resolvedOf())
const rows = '(SELECT NULL::VARCHAR AS trade_id, NULL::DECIMAL(18, 6) AS price)'

test.each([0, 1, 4_096, 10_001])('of %i canaries each is there once', async (count) => {
  const members = Array.from({ length: count }, (_, seq) => ({ stream: 1, seq }))
  const relation = await expectedRelation(scratch.db, { canaries, members, expect: [], rows })
  expect(relation.columns).toEqual(['trade_id', 'price'])
  const [found] = await scratch.db.query(`SELECT count(*) AS n, count(DISTINCT trade_id) AS ids FROM ${relation.from}`)
  expect(found).toEqual({ n: BigInt(count), ids: BigInt(count) })
  await relation.drop()
  await expect(scratch.db.query(`SELECT * FROM ${relation.from}`)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
})
