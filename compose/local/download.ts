import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { filesUnder } from './checksums.ts'
import type { Component, Source } from './components.ts'
import { runTool } from './tools.ts'
import { zipOf } from './zip.ts'

const POMS = join(import.meta.dirname, 'poms')
const MAVEN = ['-q', '-B']

/** Fetches a component's files as the registry has them; these are what the pinned sums speak of. */
export async function download(component: Component, into: string): Promise<void> {
  const { source } = component
  switch (source.kind) {
    case 'maven-pom': {
      const pom = join(POMS, `${component.name}.xml`)
      return runTool('mvn', [...MAVEN, '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${into}`])
    }
    case 'maven-artifact':
      return runTool('mvn', [...MAVEN, 'dependency:copy', `-Dartifact=${source.coordinates}`, `-DoutputDirectory=${into}`])
    case 'wheels':
      return runTool('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '-d', into, ...source.packages])
  }
}

export interface Unpacking {
  component: Component
  fetched: string
  ready: string
}

/** Turns verified downloads into the folder the services run from. */
export async function unpack(unpacking: Unpacking): Promise<void> {
  const { component, fetched, ready } = unpacking
  await unpackSource(component.source, { fetched, ready })
  const provider = component.serviceProvider
  if (provider === undefined) return
  const jar = zipOf([{ path: `META-INF/services/${provider.interfaceName}`, content: `${provider.className}\n` }])
  await writeFile(join(ready, provider.jarName), jar)
}

async function unpackSource(source: Source, { fetched, ready }: { fetched: string; ready: string }): Promise<void> {
  const archives = await readdir(fetched)
  if (source.kind === 'maven-artifact' && source.unpack) {
    for (const archive of archives) await runTool('tar', ['-xzf', join(fetched, archive), '-C', ready])
  } else if (source.kind === 'wheels') {
    for (const wheel of archives) await keepFromWheel({ wheel: join(fetched, wheel), suffix: source.keepSuffix, into: ready })
  } else {
    for (const file of archives) await rename(join(fetched, file), join(ready, file))
  }
}

async function keepFromWheel({ wheel, suffix, into }: { wheel: string; suffix: string; into: string }): Promise<void> {
  const opened = `${wheel}.opened`
  await mkdir(opened)
  await runTool('python3', ['-m', 'zipfile', '-e', wheel, opened])
  for (const file of await filesUnder(opened)) {
    if (file.endsWith(suffix)) await copyFile(join(opened, file), join(into, basename(file)))
  }
  await rm(opened, { recursive: true })
}
