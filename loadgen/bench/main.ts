import { mkdir, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { REPO_DIR } from '../../compose/local/layout.ts'
import { figureTable, isHeld, type Figure } from './figures.ts'
import { benchGrowth } from './growth.ts'
import { benchIdentity } from './identity.ts'
import { benchPipeline } from './pipeline.ts'
import { benchThroughput } from './throughput.ts'

/** `npm run bench [-- --only identity|growth|throughput|pipeline]`: each figure beside a named peer of the same run; exit 1 when a target is missed. */
const benches: Readonly<Record<string, (note: (line: string) => void) => Promise<Figure[]>>> = {
  identity: benchIdentity,
  growth: benchGrowth,
  throughput: benchThroughput,
  pipeline: benchPipeline,
}

const only = process.argv[process.argv.indexOf('--only') + 1]
const wanted = process.argv.includes('--only') ? Object.keys(benches).filter((name) => name === only) : Object.keys(benches)
if (wanted.length === 0) throw new Error(`--only: expected one of ${Object.keys(benches).join(', ')}, got ${only ?? 'nothing'}`)

const loadText = () => (loadavg()[0] ?? Number.NaN).toFixed(1)
const note = (line: string) => process.stderr.write(`${line}\n`)
const figures: Figure[] = []
const loadBefore = loadText()
for (const name of wanted) figures.push(...((await benches[name]?.(note)) ?? []))
const load = { before: loadBefore, after: loadText() }
process.stdout.write(`${figureTable(figures)}\n\nload average before ${load.before}, after ${load.after}\n`)
const folder = join(REPO_DIR, '.assay', 'bench')
await mkdir(folder, { recursive: true })
await writeFile(
  join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`),
  JSON.stringify({ load, figures: figures.map((figure) => ({ ...figure, held: isHeld(figure) })) }, null, 2),
)
const missed = figures.filter((figure) => !isHeld(figure))
for (const { name } of missed) note(`target missed: ${name}`)
process.exit(missed.length === 0 ? 0 : 1)
