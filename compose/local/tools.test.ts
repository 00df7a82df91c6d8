import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { parseStackArguments } from './arguments.ts'
import { debianFiles, withoutApt } from './debian.ts'
import { javaProblem, nodeProblem, requireTools } from './tools.ts'

test.each([
  { output: 'openjdk version "17.0.15" 2025-04-15', problems: 0 },
  { output: 'openjdk version "25" 2025-09-16', problems: 0 },
  { output: 'java version "1.8.0_392"', problems: 1 },
  { output: 'openjdk version "11.0.2"', problems: 1 },
  { output: 'no such thing', problems: 1 },
])('$output: $problems problems', ({ output, problems }) => {
  expect(javaProblem(output)).toHaveLength(problems)
})

test('a Java that is too old is named with the one that is needed', () => {
  expect(javaProblem('java version "1.8.0_392"')[0]).toMatch(/Java 17 or later is needed, found Java 8\./)
})

test.each([
  { version: '22.18.0', problems: 0 },
  { version: '24.0.1', problems: 0 },
  { version: '22.17.9', problems: 1 },
  { version: '20.20.2', problems: 1 },
])('Node $version: $problems problems', ({ version, problems }) => {
  expect(nodeProblem(version)).toHaveLength(problems)
})

test('flags are read, and an unknown one is refused with the usage', () => {
  const parsed = parseStackArguments(['--dir', '/tmp/x', '--agents'], ['agents'])
  expect(parsed).toEqual({ dir: '/tmp/x', flags: new Set(['agents']) })
  expect(parseStackArguments(['--agent'], ['agents'])).toMatchObject({
    problem: expect.stringContaining('[--dir DIR] [--agents]') as string,
  })
})

describe('where a tool is missing', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  test('it is named with what cannot be without it', async () => {
    vi.stubEnv('PATH', '/nowhere')
    const built = requireTools(['go'], 'jaeger v1.76.0 cannot be built')
    await expect(built).rejects.toThrow(
      /^jaeger v1\.76\.0 cannot be built:\n {2}- Go 1\.21 or later is needed: `go` is not on the PATH\. Get it: /,
    )
  })

  test('apt, too, before it is asked for anything', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'assay-no-apt-'))
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('ASSAY_CACHE_DIR', cacheDir)
    await expect(debianFiles(['nats-server'], () => undefined)).rejects.toThrow(withoutApt(['nats-server']))
    rmSync(cacheDir, { recursive: true })
  })
})
