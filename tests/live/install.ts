import { cacheFolder, ensureComponents } from '../../compose/local/cache.ts'
import { programs } from './programs.ts'

/** All that tests run, brought into the cache before any of them begins: no test waits for a download or a build. */
const note = (line: string) => void process.stderr.write(`${line}\n`)

await ensureComponents(cacheFolder(process.env), note)
for (const bring of Object.values(programs)) await bring(note)
