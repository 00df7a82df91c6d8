import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { goProgram, type GoProgram } from '../local/go.ts'

/** What the client needs beside itself; built once from the published modules where no package of the system brings it. */
const PLUGINS: readonly GoProgram[] = [
  {
    name: 'docker-buildx',
    module: 'github.com/docker/buildx',
    version: 'v0.36.1',
    package: './cmd/buildx',
    ldflags: '-s -w -X github.com/docker/buildx/version.Version=v0.36.1',
  },
  {
    name: 'docker-compose',
    module: 'github.com/docker/compose/v5',
    version: 'v5.5.1',
    package: './cmd',
    ldflags: '-s -w -X github.com/docker/compose/v5/internal.Version=v5.5.1',
  },
]

/** Puts the client's plug-ins where a `DOCKER_CONFIG` folder has them. */
export async function installPlugins(configDir: string, note: (line: string) => void): Promise<void> {
  const folder = join(configDir, 'cli-plugins')
  await mkdir(folder, { recursive: true })
  for (const plugin of PLUGINS) {
    const binary = await goProgram(plugin, note)
    const path = join(folder, plugin.name)
    await rm(path, { force: true })
    await symlink(binary, path)
  }
}
