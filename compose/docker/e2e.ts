import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheFolder } from '../local/cache.ts'
import { noOtherAlert, OF_PLANTED_LOSS } from './e2e/alerts.ts'
import { composedOn, type Composed } from './e2e/composed.ts'
import { listen, until, type Heard } from './e2e/heard.ts'
import { plantedLoss } from './e2e/planted-loss.ts'
import { firstPass, killedInjector, randomKills, scaledOut, type Figure, type Scene } from './e2e/stories.ts'
import { openEngine } from './engine.ts'
import { makeStandIns } from './stand-ins/make.ts'

/**
 * The whole of compose.yaml on a real engine, with stand-ins for the images that would be pulled: `node compose/docker/e2e.ts
 * [--minutes 20] [--seed 1] [--keep] [--images-are-there | --real-images]`, the last to pull them. Prints its figures; ends with 1 when one is not as it should be.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    'images-are-there': { type: 'boolean', default: false },
    'real-images': { type: 'boolean', default: false },
  },
})

const startedMs = Date.now()
const note = (line: string) => process.stdout.write(`${((Date.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${line}\n`)
const figures: Figure[] = []

const engine = await openEngine(join(cacheFolder(process.env), 'docker-engine'), note)
try {
  const composed = await composedOn(engine.docker)
  if (!values['images-are-there']) {
    if (values['real-images']) await composed.pull()
    else await makeStandIns(engine.docker, note)
    note('building …')
    await composed.build()
  }
  await composed.clear()
  try {
    await Promise.race([tellAll(composed), interrupted()])
  } finally {
    if (!values.keep) {
      note('docker compose down --volumes …')
      await composed.down()
      const left = await composed.leftovers()
      figures.push(['left after down --volumes', left.length === 0 ? 'nothing' : left.join(', '), left.length === 0])
    }
  }
} catch (error) {
  figures.push(['stopped by', error instanceof Error ? error.message : String(error), false])
} finally {
  if (!values.keep) await engine.stop()
}

for (const [what, value, isGood] of figures) process.stdout.write(`${isGood ? 'ok  ' : 'NOT '} ${what}: ${value}\n`)
process.exit(figures.every(([, , isGood]) => isGood) ? 0 : 1)

/** Whoever stops this by a signal leaves no engine and no container behind either. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        reject(new Error(`a signal: ${signal}`))
      })
  })
}

async function tellAll(composed: Composed): Promise<void> {
  note('docker compose up --detach --wait …')
  const upAtMs = Date.now()
  await composed.up()
  figures.push(['up --wait', `${((Date.now() - upAtMs) / 1000).toFixed(1)} s`, true])
  const heard: Heard = (await until('the results topic answers', 60_000, () => listen(composed).catch(() => null))).value
  const scene: Scene = { composed, heard, note }
  try {
    await tell(() => firstPass(scene, upAtMs))
    await tell(() => noOtherAlert(scene, 'up to the first pass', []))
    await tell(() => plantedLoss(scene))
    await tell(() => noOtherAlert(scene, 'up to the recovery from the loss', OF_PLANTED_LOSS))
    await tell(() => killedInjector(scene))
    await tell(() => scaledOut(scene))
    const minutes = Number(values.minutes)
    if (minutes > 0) await tell(() => randomKills(scene, { minutes, seed: Number(values.seed) }))
  } finally {
    await heard.close()
  }
}

/** One story that fails does not keep the others from being told. */
async function tell(story: () => Promise<Figure[]>): Promise<void> {
  try {
    for (const figure of await story()) {
      figures.push(figure)
      note(`${figure[0]}: ${figure[1]}`)
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    note(text)
    figures.push(['a story stopped', text, false])
  }
}
