import { collectGarbage, limitHeap } from '../../shared/runtime/heap-limit.ts'
import { measureGrowth } from './growth.ts'

limitHeap()
collectGarbage()
const figures = await measureGrowth((line) => process.stderr.write(`${line}\n`))
process.stdout.write(JSON.stringify(figures))
