import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { healthPaths } from '../services/health-paths.ts'
import { HOST } from './configuration.ts'
import type { StackFacts } from './configuration.ts'
import { debianFiles } from './debian.ts'
import type { NatsWish } from './nats-wish.ts'
import { httpAnswers } from './probes.ts'
import type { Step, StepProcess } from './step.ts'

/** The `nats-server` of `folders`, such as those of PATH; else Debian's, in the cache, where it is wished. Throws StackError. */
export async function natsServer(wish: NatsWish, folders: string, note: (line: string) => void): Promise<string | null> {
  if (wish === 'never') return null
  const found = [...folders.split(delimiter), '/usr/sbin'].map((folder) => join(folder, 'nats-server')).find((path) => existsSync(path))
  if (found !== undefined || wish === 'if-found') return found ?? null
  return join(await debianFiles(['nats-server'], note), 'usr', 'sbin', 'nats-server')
}

/** The server of the feed, and the gateway from it to the raw topic. */
export function natsSteps({ layout, nats }: StackFacts, gateway: StepProcess): Step[] {
  if (nats === undefined) return []
  const { binary, port, monitorPort, gatewayPort } = nats
  const natsUrl = `http://${HOST}:${monitorPort}${healthPaths.nats}`
  const gatewayUrl = `http://${HOST}:${gatewayPort}${healthPaths.gateway}`
  const listens = ['--addr', HOST, '--port', String(port), '--http_port', String(monitorPort)]
  return [
    {
      name: 'nats',
      needs: [],
      kind: 'service',
      process: {
        command: binary,
        args: [...listens, '--jetstream', '--store_dir', join(layout.dataDir, 'nats')],
        env: {},
        ports: { nats: port, http: monitorPort },
        healthUrl: natsUrl,
      },
      probe: () => httpAnswers(natsUrl),
    },
    {
      name: 'gateway',
      needs: ['nats', 'setup'],
      kind: 'service',
      process: {
        ...gateway,
        env: { ...gateway.env, GATEWAY_HOST: HOST, GATEWAY_PORT: String(gatewayPort) },
        ports: { http: gatewayPort },
        healthUrl: gatewayUrl,
      },
      probe: () => httpAnswers(gatewayUrl),
    },
  ]
}
