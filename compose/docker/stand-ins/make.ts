import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, ensureComponents } from '../../local/cache.ts'
import { debianCommand, debianFiles } from '../../local/debian.ts'

import { goProgram } from '../../local/go.ts'
import { readTool, runTool } from '../../local/tools.ts'
import type { Docker } from '../engine.ts'
import { BASE, LABEL, standIns, type Parts, type StandIn } from './table.ts'

type Note = (line: string) => void

const IN_BASE = ['ca-certificates', 'curl', 'wget', 'openjdk-17-jre-headless']
/** The trust of this machine goes along, so that builds reach the registries as this machine does. */
const TRUST = ['etc/ssl/certs/ca-certificates.crt', 'etc/ssl/certs/java/cacerts']

/** Makes images for tests with the names and tags that compose.yaml pulls. Needs root, for Debian's base. */
export async function makeStandIns(docker: Docker, note: Note): Promise<void> {
  await makeBase(docker, note)
  for (const standIn of standIns(await gatherParts(note))) {
    const sinceMs = Date.now()
    await build(docker, standIn)
    note(`stand-in ${standIn.image} … ${((Date.now() - sinceMs) / 1000).toFixed(1)} s`)
  }
}

async function makeBase(docker: Docker, note: Note): Promise<void> {
  if (await docker.hasImage(BASE)) return
  const debootstrap = await debianCommand('debootstrap', ['debootstrap'], note)
  const temporary = await mkdtemp(join(tmpdir(), 'assay-stand-in-'))
  try {
    note('stand-in base: Debian …')
    const root = join(temporary, 'root')
    await runTool(debootstrap, ['--variant=minbase', `--include=${IN_BASE.join(',')}`, 'bookworm', root])
    for (const file of TRUST)
      if (existsSync(join('/', file))) await cp(join('/', file), join(root, file), { dereference: true, force: true })
    const archive = join(temporary, 'root.tar')
    await runTool('tar', ['-C', root, '-cf', archive, '.'])
    await docker.run(['import', '--change', `LABEL ${LABEL}`, archive, BASE])
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function gatherParts(note: Note): Promise<Parts> {
  const npmCli = (await readTool('sh', ['-c', 'realpath "$(command -v npm)"'])).trim()
  return {
    components: await ensureComponents(cacheFolder(process.env), note),
    nodeBinary: process.execPath,
    npmFolder: join(npmCli, '..', '..'),
    nats: await debianFiles(['nats-server'], note),
    prometheus: await debianFiles(['prometheus'], note),
    alertmanager: await debianFiles(['prometheus-alertmanager'], note),
    jaeger: await goProgram(
      { name: 'jaeger', module: 'github.com/jaegertracing/jaeger', version: 'v1.76.0', package: './cmd/jaeger' },
      note,
    ),
  }
}

async function build(docker: Docker, { image, files, dockerfile }: StandIn): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'assay-stand-in-'))
  try {
    for (const [name, from] of Object.entries(files)) await cp(from, join(context, name), { recursive: true, dereference: true })
    await writeFile(join(context, 'Dockerfile'), [`FROM ${BASE}`, `LABEL ${LABEL}`, ...dockerfile, ''].join('\n'))
    await docker.run(['build', '--quiet', '--tag', image, context])
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}
