import { gatewayDefects, plantedDefects, type PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { hopNames } from './topology.ts'
import type { SimReport } from './world.ts'

export const seeds = Array.from({ length: Number(process.env['SIM_SEEDS'] ?? 500) }, (_, seed) => seed)
export const defects = Object.keys(plantedDefects) as PlantedDefect[]

/** What must be reported, and nothing else may be: `violation hop stream/seq`. */
export function mustBeFound(defect: PlantedDefect, { planted, ledger }: SimReport): string[] {
  const { violation, hop } = { ...plantedDefects, ...gatewayDefects }[defect]
  // At the first hop the ledger is the measure: what it does not vouch for is unknown, and nobody's fault.
  const isOwed = ({ stream, seq }: { stream: number; seq: number }) =>
    hop !== 'raw' || defect in gatewayDefects || (violation === 'unexpected' ? ledger.failed : ledger.acknowledged).has(stream, seq)
  return [...new Set(planted.filter(isOwed).map(({ stream, seq }) => `${violation} ${hopNames[hop]} ${stream}/${seq}`))].sort()
}

/** What is found makes a run fail; but of canaries of which the generator did not live to say when it sent them, lateness is a doubt. */
export function verdictOf(found: readonly string[], { ledger }: SimReport): 'pass' | 'fail' | 'inconclusive' {
  const isDoubt = (text: string) => {
    const [violation, , place = ''] = text.split(' ')
    const [stream = -1, seq = -1] = place.split('/').map(Number)
    return violation === 'late' && ledger.untold.has(stream, seq)
  }
  return found.length === 0 ? 'pass' : found.every(isDoubt) ? 'inconclusive' : 'fail'
}

/**
 * What the simulated broker refuses or leaves in doubt is not planted; where that was all of a kind, nothing is known of
 * it. And the watcher's own trouble has a reason of its own.
 */
export const couldNotBePlanted = (reason: string) => reason.includes('none could be planted') || reason.includes('no second look at')
