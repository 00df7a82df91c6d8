import { ownImages } from '../images.ts'
import { ports } from './addresses.ts'
import { STATE_DIR } from './agents.ts'
import { limits, scratch, type Service } from './model.ts'

const SOCKET = '/var/run/docker.sock'

const base = {
  image: ownImages.assay,
  pull_policy: 'never',
  profiles: ['chaos'],
  networks: ['chaos'],
  tmpfs: [scratch('/tmp', '16m')],
  restart: 'unless-stopped',
} as const

/**
 * The gate is the one process that holds the engine's socket; it passes on six calls, about containers with the label.
 * The sentry heals in a container of its own: the end of the injector's takes the watchdogs in it along.
 */
export const chaosServices: Readonly<Record<string, Service>> = {
  'socket-gate': {
    ...base,
    entrypoint: ['node', 'compose/docker/runtime/socket-gate.ts', SOCKET, String(ports.socketGate)],
    // The one service that must be root: the socket is root's, and the group that shares it has another number on each machine.
    // Without capabilities, and on a root file system it cannot write to, this root can do no more than a file's owner may.
    user: '0:0',
    environment: { HEALTHY_URL: `http://127.0.0.1:${ports.socketGate}/_ping` },
    volumes: [`\${DOCKER_SOCKET:-${SOCKET}}:${SOCKET}`],
    limits: limits('128m', '0.5', 64),
  },
  'chaos-sentry': {
    ...base,
    entrypoint: ['node', 'agents/chaos-injector/sentry.ts', STATE_DIR, String(ports.agent)],
    environment: { HEALTHY_URL: `http://127.0.0.1:${ports.agent}/` },
    volumes: [`chaos-injector-state:${STATE_DIR}`],
    depends_on: { 'socket-gate': { condition: 'service_healthy', required: true } },
    limits: limits('192m', '0.5', 64),
  },
}
