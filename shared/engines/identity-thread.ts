import { parentPort } from 'node:worker_threads'
import { AssayError } from '../core/errors.ts'
import { IdentityColumn } from './identity-column.ts'
import { isForEngine, readGroup } from './identity-group.ts'
import type { ReadAnswer, ThreadRequest } from './identity-threads.ts'
import { StreamNames } from './stream-names.ts'

/** What `identity-threads.ts` starts: reads one row group after the other. */
interface Scan {
  readonly names: StreamNames
  readonly column: IdentityColumn
  told: number
}

const scans = new Map<number, Scan>()
let turn = Promise.resolve()

parentPort?.on('message', (request: ThreadRequest) => {
  turn = turn.then(async () => {
    if (request.type === 'end') scans.delete(request.scan)
    else parentPort?.postMessage(await answerTo(request))
  })
})

async function answerTo({ scan: number, group, slot }: Extract<ThreadRequest, { type: 'read' }>): Promise<ReadAnswer> {
  const scan = scans.get(number) ?? newScan()
  scans.set(number, scan)
  try {
    const turns = await readGroup(group, scan.column, slot)
    const streams = scan.names.list.slice(scan.told)
    scan.told = scan.names.list.length
    return { type: 'rows', turns, streams }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof AssayError) return { type: 'limit', reason }
    if (isForEngine(error)) return { type: 'for-engine', reason }
    throw error
  }
}

function newScan(): Scan {
  const names = new StreamNames()
  return { names, column: new IdentityColumn(names), told: 0 }
}
