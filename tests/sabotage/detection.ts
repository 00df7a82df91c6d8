import type { SabotageCase } from './case.ts'
import type { CaseResult } from './run-case.ts'

/** A line for each case: what it is, how often it was run and right. */
export function matrix(cases: readonly SabotageCase[], results: readonly CaseResult[]): string {
  const width = Math.max(...cases.map(({ name }) => name.length))
  const lines = cases.map((one) => {
    const of = results.filter(({ name }) => name === one.name)
    const why = whyOf(of)
    const line = `${isRight(of) ? 'ok  ' : 'NOT '} ${one.kind.padEnd(8)}  ${one.of.padEnd(7)}  ${one.name.padEnd(width)}  ${found(of)}`
    return why === null ? line : `${line}  inconclusive: ${why}`
  })
  const wrong = cases.filter(({ name }) => !isRight(results.filter((result) => result.name === name))).length
  return [...lines, '', `${cases.length - wrong} right, ${wrong} wrong`].join('\n')
}

const isRight = (results: readonly CaseResult[]) =>
  results.length > 0 && results.every(({ missed, accused }) => missed.length + accused.length === 0)

const found = (results: readonly CaseResult[]) => results.map((result) => result.found).join(', ')

/** Why a case that takes evidence away ends inconclusive; null for all others. */
const whyOf = (results: readonly CaseResult[]): string | null =>
  results.find(({ inconclusive }) => inconclusive !== null)?.inconclusive ?? null

export function detectionPage(cases: readonly SabotageCase[], results: readonly CaseResult[]): string {
  const of = (one: SabotageCase) => results.filter(({ name }) => name === one.name)
  const isUnclear = (one: SabotageCase) => whyOf(of(one)) !== null
  const table = (wanted: readonly SabotageCase[], head: readonly [string, string], told: (one: SabotageCase) => string) => [
    `| ${head[0]} | seen at | ${head[1]} | right |`,
    '|---|---|---|---|',
    ...wanted.map((one) => `| ${one.name} | ${one.of} | ${told(one)} | ${isRight(of(one)) ? 'yes' : '**no**'} |`),
  ]
  const foundBy = (one: SabotageCase) => found(of(one))
  const innocent = cases.filter(({ kind }) => kind === 'innocent')
  const unclear = innocent.filter(isUnclear)
  return [
    '# What is detected',
    '',
    'Written by `npm run sabotage`. Each defect was planted for real, on a real Kafka and a real Iceberg table; right means that',
    'exactly the planted records were named, with kind and place, and nothing else was said.',
    '',
    ...table(
      cases.filter(({ kind }) => kind === 'defect'),
      ['Defect', 'findings'],
      foundBy,
    ),
    '',
    'And nothing may be reported where nothing is wrong:',
    '',
    ...table(
      innocent.filter((one) => !isUnclear(one)),
      ['Disturbance', 'findings'],
      foundBy,
    ),
    ...(unclear.length === 0
      ? []
      : [
          '',
          'Nor where evidence is gone before it was read. The run then neither fails nor passes; it is inconclusive, and says why:',
          '',
          ...table(unclear, ['Disturbance', 'inconclusive, and why'], (one) => whyOf(of(one)) ?? ''),
        ]),
    '',
  ].join('\n')
}
