/** `npm run down [-- --dir DIR]`: stops the stack, even when its supervisor is gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readStackArguments } from './arguments.ts'
import { clearLayout, stackLayout } from './layout.ts'
import { readStackState } from './state.ts'
import { isSupervised } from './supervision.ts'
import { sweep } from './sweep.ts'

const ORDERLY_LIMIT_MS = 60_000
const POLL_MS = 100

const { dir } = readStackArguments([])
const layout = stackLayout(dir)
const state = readStackState(layout.stateFile)
if (state === undefined) {
  console.log(`no stack runs in ${dir}`)
} else {
  const startedMs = Date.now()
  if (await isSupervised(state)) process.kill(state.pid, 'SIGTERM')
  while ((await isSupervised(state)) && Date.now() - startedMs < ORDERLY_LIMIT_MS) await sleep(POLL_MS)
  if (await isSupervised(state)) {
    console.log(`the supervisor, process ${state.pid}, did not stop within ${ORDERLY_LIMIT_MS} ms; ending it`)
    process.kill(state.pid, 'SIGKILL')
  }
  const left = await sweep({ id: state.id, recorded: Object.values(state.services) })
  await clearLayout(layout, state.keep)
  const remark = left > 0 ? `, ${left} processes of it by force` : ''
  console.log(`stopped in ${((Date.now() - startedMs) / 1000).toFixed(1)} s${remark}; ${state.keep} kept in ${dir}`)
}
