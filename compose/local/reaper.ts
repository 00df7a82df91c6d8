/**
 * Outlives the supervisor by a moment: when the pipe from it ends, for whatever reason, `kill -9` included, this
 * process ends all that is left of the stack and removes its folders. Started by the supervisor, never by hand.
 */
import { clearLayout, stackLayout } from './layout.ts'
import { readStackState } from './state.ts'
import { sweep } from './sweep.ts'

async function reap(dir: string, id: string): Promise<void> {
  const layout = stackLayout(dir)
  const state = readStackState(layout.stateFile)
  // After an orderly stop there is no state, or that of a successor in the same folder: then only the mark counts.
  const own = state?.id === id ? state : undefined
  const found = await sweep({ id, recorded: Object.values(own?.services ?? {}) })
  if (found > 0) console.log(`${new Date().toISOString()} the supervisor is gone; ended ${found} processes of stack ${id}`)
  if (own !== undefined) await clearLayout(layout, own.keep)
}

const [dir, id] = process.argv.slice(2)
if (dir === undefined || id === undefined) throw new Error('reaper.ts expects the stack folder and the stack id')

process.on('SIGINT', () => undefined)
process.on('SIGHUP', () => undefined)
process.stdin.resume()
process.stdin.once('end', () => {
  void reap(dir, id)
})
process.stdin.once('error', () => {
  void reap(dir, id)
})
