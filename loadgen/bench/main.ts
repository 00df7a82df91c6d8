import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { REPO_DIR } from '../../compose/local/layout.ts'
import { figureTable, isHeld, type Figure } from './figures.ts'
import { benchIdentity } from './identity.ts'
import { benchThroughput } from './throughput.ts'

/** `npm run bench [-- --only identity]`: each figure beside a named peer of the same run; exit 1 when a target is missed. */
const benches: Readonly<Record<string, (note: (line: string) => void) => Promise<Figure[]>>> = {
  identity: benchIdentity,
  throughput: benchThroughput,
}

const only = process.argv[process.argv.indexOf('--only') + 1]
const wanted = process.argv.includes('--only') ? Object.keys(benches).filter((name) => name === only) : Object.keys(benches)
if (wanted.length === 0) throw new Error(`--only: expected one of ${Object.keys(benches).join(', ')}, got ${only ?? 'nothing'}`)

const note = (line: string) => process.stderr.write(`${line}\n`)
const figures: Figure[] = []
for (const name of wanted) figures.push(...((await benches[name]?.(note)) ?? []))
const load = loadavg()[0]?.toFixed(1)
process.stdout.write(`${figureTable(figures)}\n\nload average at the end: ${load}\n`)
const folder = join(REPO_DIR, '.assay', 'bench')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`), JSON.stringify({ load, figures }, null, 2))
const missed = figures.filter((figure) => !isHeld(figure))
for (const { name } of missed) note(`target missed: ${name}`)
process.exit(missed.length === 0 ? 0 : 1)
