import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ports } from './services/addresses.ts'
import { chaosTarget } from '../../topology/topology.ts'

const REFERENCE = join(import.meta.dirname, '..', '..', 'topology', 'reference-nats.yaml')

const HEAD = `# The bundled pipeline as the containers of compose.yaml see it. Made by \`npm run docs\` from topology/reference-nats.yaml, of which
# it differs in what may be disturbed: containers, through the gate to the engine.
`

const target = chaosTarget.parse({
  driver: 'docker',
  api: `http://socket-gate:${ports.socketGate}`,
  // As Compose names it, whatever the project is called.
  container: '${COMPOSE_PROJECT_NAME}-connect-1',
  faults: ['pause'],
  leaseMsMax: 60_000,
})

/** The topology of Compose: that of the local stack with other targets of chaos. */
export function topologyFile(): string {
  const text = readFileSync(REFERENCE, 'utf8')
  const at = text.indexOf('\nchaos:')
  if (at < 0) throw new Error(`${REFERENCE} has no section chaos`)
  const members = Object.entries(target).map(
    ([name, value]) =>
      `      ${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : typeof value === 'string' && value.includes('$') ? `'${value}'` : String(value)}\n`,
  )
  return `${HEAD}${text.slice(0, at)}\nchaos:\n  targets:\n    connect:\n${members.join('')}`
}
