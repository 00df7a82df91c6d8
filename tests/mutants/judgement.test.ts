import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mutants as judgementMutants } from './judgement.ts'
import { mirrorMutants } from './mirror.ts'
import { mutated } from './mutant.ts'

const mutants = [...judgementMutants, ...mirrorMutants]
const textOf = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')

test('every mistake of the list can be made, and makes a difference', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(40)
  expect(new Set(mutants.map(({ file, name }) => `${file} ${name}`)).size).toBe(mutants.length)
  for (const mutant of mutants) expect(mutated(textOf(mutant.file), mutant)).not.toBe(textOf(mutant.file))
})

test('a list that has fallen behind the code is told', () => {
  const gone = { name: 'n', file: 'f.ts', find: 'no such text', put: '' }
  expect(() => mutated('text', gone)).toThrow('found it 0 times')
  expect(() => mutated('a a', { ...gone, find: 'a' })).toThrow('found it 2 times')
})
