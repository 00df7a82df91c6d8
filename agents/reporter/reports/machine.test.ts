import { expect, it } from 'vitest'
import { htmlReport } from './html.ts'
import { reportOf, reportSchema } from './json.ts'
import { machine, machineText, thisMachine } from './machine.ts'
import { markdownReport } from './markdown.ts'
import { cleanFacts, sourceOf } from './sample-run.ts'

const box = { node: 'v24.1.0', os: 'Linux 6.1 x64', cores: 2, memoryBytes: 3 * 2 ** 29 }

it('the machine is this one', () => {
  const here = machine.parse(thisMachine())
  expect(here.node).toBe(process.version)
  expect(here.cores).toBeGreaterThan(0)
  expect(here.memoryBytes).toBeGreaterThan(process.memoryUsage().rss)
})

it('is told by each report for people, with the servers of the pipeline, as far as somebody says', () => {
  const source = sourceOf(cleanFacts())
  const said = { ...source, environment: { ...source.environment, machine: box, pipelineVersions: 'kafka 4.3.1' } }
  for (const text of [htmlReport(said), markdownReport(said)]) {
    expect(text).toContain('Node 24.1.0, Linux 6.1 x64, 2 cores, 1.5 GiB of memory')
    expect(text).toContain('kafka 4.3.1')
  }
  expect(machineText({ ...box, cores: 1 })).toContain('1 core,')
  expect(reportSchema.parse(reportOf(said)).environment).toMatchObject({ machine: box, pipelineVersions: 'kafka 4.3.1' })
  expect(reportSchema.parse(reportOf(source)).environment).toMatchObject({ machine: null, pipelineVersions: null })
})
