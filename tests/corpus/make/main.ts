import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, ensureComponents } from '../../../compose/local/cache.ts'

/** `npm run corpus`: writes the tables of the corpus anew, and what their writer's own reader finds in them. */
const run = promisify(execFile)
const note = (line: string) => process.stderr.write(`${line}\n`)

const { 'connect-iceberg-sink': jars } = await ensureComponents(cacheFolder(process.env), note)
const classes = mkdtempSync(join(tmpdir(), 'assay-corpus-'))
try {
  const sources = ['Make.java', 'Features.java'].map((file) => join(import.meta.dirname, file))
  await run('javac', ['-nowarn', '-d', classes, '-cp', `${jars}/*`, ...sources])
  await run('java', ['-cp', `${classes}:${jars}/*`, 'Make', join(import.meta.dirname, '..', 'tables')])
} finally {
  await rm(classes, { recursive: true, force: true })
}
