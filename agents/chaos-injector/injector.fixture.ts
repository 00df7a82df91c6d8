import { createLog } from '../../shared/runtime/log.ts'
import type { InjectorEffect } from './events.ts'
import { InjectorShell } from './shell.ts'

/** An injector's shell as a process, to be killed: `node injector.fixture.ts <leases folder> <pid file> <effect as JSON>`. */
const [leasesDir = '', pidFile = '', effect = ''] = process.argv.slice(2)
const shell = new InjectorShell({
  topology: { chaos: { targets: { target: { driver: 'process', pidFile, faults: ['pause'], leaseMsMax: 60_000 } } } },
  leasesDir,
  bus: { flush: () => Promise.resolve(true) },
  log: createLog({ agent: 'chaos-injector', instance: 'fixture', level: 'silent' }),
  metrics: { add: () => undefined },
  stopWatching: () => undefined,
})
const given = JSON.parse(effect) as Extract<InjectorEffect, { type: 'inject' }>
// The lease begins here, however long the process took to start.
shell.perform({ ...given, leaseUntilMs: Date.now() + given.leaseMs }, (event) => process.stdout.write(`${JSON.stringify(event)}\n`))
setInterval(() => undefined, 60_000)
