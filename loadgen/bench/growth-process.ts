import { collectGarbage } from '../../shared/runtime/heap-limit.ts'
import { measureGrowth } from './growth.ts'

collectGarbage()
const figures = await measureGrowth((line) => process.stderr.write(`${line}\n`))
process.stdout.write(JSON.stringify(figures))
