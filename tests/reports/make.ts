/**
 * `node tests/reports/make.ts` renders the examples anew from their facts; look at what it changes.
 * `node tests/reports/make.ts record [name …]` first runs them for real on the local stack, a minute each.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { reportFormats } from '../../agents/reporter/reports/report-formats.ts'
import { exampleFile, examples, exampleSource } from './examples.ts'
import { recordExamples } from './record.ts'

const [command, ...given] = process.argv.slice(2)
const names = given.length > 0 ? given : examples.map(({ name }) => name)
if (command === 'record') await recordExamples(names, console.log)
for (const name of names) {
  const source = exampleSource(name)
  for (const { fileName, render } of reportFormats) {
    const file = exampleFile(name, fileName)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, render(source))
  }
}
