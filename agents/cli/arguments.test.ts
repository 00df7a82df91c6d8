import { describe, expect, it } from 'vitest'
import { editDistance, nearest, pairsOf, parseArguments, positiveOf, type ArgumentSpec } from './arguments.ts'

const spec: ArgumentSpec = {
  command: 'try',
  summary: '',
  positionals: [
    { name: 'plan', required: true, help: 'a plan' },
    { name: 'more', required: false, help: 'more' },
  ],
  options: {
    wait: { type: 'boolean', help: '' },
    timeout: { type: 'string', value: 'seconds', help: '' },
    param: { type: 'string', multiple: true, help: '' },
  },
}

describe('arguments', () => {
  it('reads positionals, flags, values and repeated options in any order', () => {
    const given = parseArguments(spec, ['--param', 'a=1', 'smoke', '--wait', '--timeout=5', '--param=b=2=3'])
    expect(given.positionals).toEqual(['smoke'])
    expect(given.flag('wait')).toBe(true)
    expect(given.text('timeout')).toBe('5')
    expect(given.list('param')).toEqual(['a=1', 'b=2=3'])
    expect(given.text('nothing')).toBeUndefined()
  })

  it.each([
    { args: ['smoke', '--wiat'], says: 'no such option: --wiat; did you mean --wait?' },
    { args: ['smoke', '--zzzzzz'], says: 'no such option: --zzzzzz' },
    { args: ['smoke', '-w'], says: 'no such option: -w; did you mean --wait?' },
    { args: ['smoke', '--wait=yes'], says: '--wait takes no value, got yes' },
    { args: ['smoke', '--timeout'], says: '--timeout needs a value: seconds' },
    { args: ['smoke', '--timeout', '--wait'], says: '--timeout needs a value: seconds' },
    { args: [], says: '<plan> is missing: a plan' },
    { args: ['a', 'b', 'c'], says: 'unexpected argument c' },
  ])('refuses $args', ({ args, says }) => {
    expect(() => parseArguments(spec, args)).toThrow(`assay try: ${says}`)
  })

  it('reads name=value pairs, with further signs in the value', () => {
    expect(pairsOf('param', ['a=1', 'b=x=y', 'c='])).toEqual({ a: '1', b: 'x=y', c: '' })
    expect(() => pairsOf('param', ['=1'])).toThrow('--param: expected name=value, got =1')
  })

  it.each(['0', '-1', 'x', 'Infinity'])('refuses %s as a positive number', (text) => {
    expect(() => positiveOf('timeout', text)).toThrow(`--timeout: expected a number above 0, got ${text}`)
  })
})

it.each([
  { word: 'verdit', near: 'verdict' },
  { word: 'rnu', near: 'run' },
  { word: 'val', near: 'validate' },
  { word: 'xyzzy', near: null },
  { word: '', near: null },
])('takes $word for $near', ({ word, near }) => {
  expect(nearest(word, ['run', 'verdict', 'watch', 'validate', 'topics', 'agent'])).toBe(near)
})

it('counts insertions, deletions and substitutions', () => {
  expect([editDistance('', 'abc'), editDistance('abc', 'abc'), editDistance('kitten', 'sitting')]).toEqual([3, 0, 3])
})
