import { open, readFile, rm, truncate } from 'node:fs/promises'
import type { SabotageCase } from '../case.ts'
import type { Flow } from '../flow.ts'
import { storedAt } from '../pipeline.ts'
import { atTable } from './table.ts'

async function damage(flow: Flow, location: string, how: 'gone' | 'truncated' | 'flipped'): Promise<void> {
  const file = storedAt(flow.pipeline.stack, location)
  if (how === 'gone') return rm(file)
  const bytes = await readFile(file)
  if (how === 'truncated') return truncate(file, bytes.length - 100)
  const at = Math.floor(bytes.length / 3)
  const handle = await open(file, 'r+')
  await handle.write(Buffer.from([(bytes[at] as number) ^ 0xff]), 0, 1, at)
  await handle.close()
}

const told = (name: string, args: object): SabotageCase =>
  atTable(name, async (flow, placed) => {
    await flow.append(placed, { told: args })
    await flow.sinkDone()
    return [{ violation: 'metadata-broken', at: 'table' }]
  })

/** Manifests that lie, and files that are not what they were. */
export const tableFileCases: readonly SabotageCase[] = [
  told('a manifest that counts more records than the file has', { moreRecords: 7 }),
  told('a manifest that tells another size of the file', { moreBytes: 512 }),
  told('a lower bound that lies', { lowerSymbol: 'ZZZ' }),
  ...(['gone', 'truncated', 'flipped'] as const).map((how) =>
    atTable(
      `a data file ${how === 'flipped' ? 'with flipped bits' : how} in the store`,
      async (flow, placed) => {
        const half = placed.slice(0, 120)
        await flow.append(placed.slice(120))
        flow.pipeline.agents.killAgent(`storage-reconciler.${flow.pipeline.names.topic}`, 'SIGSTOP')
        const { path } = await flow.append(half)
        await damage(flow, path ?? '', how)
        flow.pipeline.agents.killAgent(`storage-reconciler.${flow.pipeline.names.topic}`, 'SIGCONT')
        await flow.sinkDone()
        const of = { at: 'table', canaries: half, optional: true } as const
        return [
          { violation: 'metadata-broken', at: 'table', says: path ?? '?' },
          { violation: 'lost', ...of },
          { violation: 'corrupted', ...of },
        ]
      },
      { spoils: true },
    ),
  ),
]
