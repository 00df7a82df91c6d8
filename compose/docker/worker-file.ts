import { renderProperties } from '../local/configuration.ts'
import { workerSettings } from '../services/settings.ts'
import { bundled, ports } from './services/addresses.ts'

/** What the image of the Connect worker brings along: the local stack's worker, at Compose's addresses. */
export const workerFile = (): string =>
  `# Made by \`npm run docs\` from compose/services/settings.ts.\n${renderProperties({
    ...workerSettings,
    'bootstrap.servers': bundled.kafka,
    listeners: `http://0.0.0.0:${ports.connect}`,
    'rest.advertised.host.name': 'connect',
    'rest.advertised.port': ports.connect,
    'plugin.path': '/opt/plugins',
  })}`
