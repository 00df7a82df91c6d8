import { PROCESS_COVERAGE } from './process-coverage.ts'

// Node reads this when it starts: it concerns the processes that tests start, not this one.
const folder = process.env[PROCESS_COVERAGE]
if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = folder
