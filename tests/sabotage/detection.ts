import type { SabotageCase } from './case.ts'
import type { CaseResult } from './run-case.ts'

/** A line for each case: what it is, how often it was run and right. */
export function matrix(cases: readonly SabotageCase[], results: readonly CaseResult[]): string {
  const width = Math.max(...cases.map(({ name }) => name.length))
  const lines = cases.map((one) => {
    const of = results.filter(({ name }) => name === one.name)
    return `${isRight(of) ? 'ok  ' : 'NOT '} ${one.kind.padEnd(8)}  ${one.of.padEnd(7)}  ${one.name.padEnd(width)}  ${found(of)}`
  })
  const wrong = cases.filter(({ name }) => !isRight(results.filter((result) => result.name === name))).length
  return [...lines, '', `${cases.length - wrong} right, ${wrong} wrong`].join('\n')
}

const isRight = (results: readonly CaseResult[]) =>
  results.length > 0 && results.every(({ missed, accused }) => missed.length + accused.length === 0)

const found = (results: readonly CaseResult[]) => results.map((result) => result.found).join(', ')

export function detectionPage(cases: readonly SabotageCase[], results: readonly CaseResult[]): string {
  const table = (kind: SabotageCase['kind'], head: string) => [
    `| ${head} | seen at | findings | right |`,
    '|---|---|---|---|',
    ...cases
      .filter((one) => one.kind === kind)
      .map((one) => {
        const of = results.filter(({ name }) => name === one.name)
        return `| ${one.name} | ${one.of} | ${found(of)} | ${isRight(of) ? 'yes' : '**no**'} |`
      }),
  ]
  return [
    '# What is detected',
    '',
    'Written by `npm run sabotage`. Each defect was planted for real, on a real Kafka and a real Iceberg table; right means that',
    'exactly the planted records were named, with kind and place, and nothing else was said.',
    '',
    ...table('defect', 'Defect'),
    '',
    'And nothing may be reported where nothing is wrong:',
    '',
    ...table('innocent', 'Disturbance'),
    '',
  ].join('\n')
}
