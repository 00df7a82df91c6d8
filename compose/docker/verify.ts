import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { compareSums, describeSumProblem, readPinnedSums, sumsOf } from '../local/checksums.ts'
import { COMPONENTS } from '../local/components.ts'
import { sumsKey } from '../local/cache.ts'
import { unpack } from '../local/download.ts'

/**
 * In the builds of images: `verify.ts <component> <folder of downloads> [folder to run from]`. Ends with 1 unless the
 * downloads are what checksums.json pins; lays them out as the local stack does where a second folder is given.
 */
const [name, fetched = '', ready] = process.argv.slice(2)
const component = COMPONENTS.find((known) => known.name === name)
if (component === undefined) throw new Error(`no component ${name}: there are ${COMPONENTS.map((known) => known.name).join(', ')}`)

const pinned = readPinnedSums(join(import.meta.dirname, '..', 'local', 'checksums.json'))[
  sumsKey(component, `${process.platform}-${process.arch}`)
]
const problems = compareSums(pinned ?? {}, await sumsOf(fetched))
for (const problem of problems) process.stderr.write(`${describeSumProblem(problem)}\n`)
if (problems.length > 0) process.exitCode = 1
else if (ready !== undefined) {
  await mkdir(ready, { recursive: true })
  await unpack({ component, fetched, ready })
}
