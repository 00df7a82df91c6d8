/** `npm run status [-- --dir DIR]`: what runs, and whether it answers. Ends with 0 when all of it does, 1 when not, 3 when nothing runs. */
import { readStackArguments } from './arguments.ts'
import { inspectServices } from './inspect.ts'
import { stackLayout } from './layout.ts'
import { readStackState } from './state.ts'
import { isSupervised } from './supervision.ts'
import { renderServices } from './table.ts'

const EXIT_UNWELL = 1
const EXIT_NOT_RUNNING = 3

const { dir } = readStackArguments([])
const state = readStackState(stackLayout(dir).stateFile)
if (state === undefined) {
  console.log(`no stack runs in ${dir}; start it with \`npm run up\``)
  process.exitCode = EXIT_NOT_RUNNING
} else {
  const rows = await inspectServices(state)
  const supervised = await isSupervised(state)
  console.log(
    `stack in ${dir}: ${state.phase} since ${state.startedAt}, ${supervised ? `supervised by process ${state.pid}` : 'its supervisor is gone'}`,
  )
  console.log(renderServices(rows))
  const well = supervised && state.phase === 'running' && rows.every((row) => row.condition === 'running')
  if (!well) process.exitCode = EXIT_UNWELL
}
