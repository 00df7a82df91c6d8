import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readAction, readWorkflow, schemas } from './action.fixture.ts'
import { wishOf } from './wish.ts'

const action = readAction()
const workflow = readWorkflow()
const references = (text: string, kind: string) => [...text.matchAll(new RegExp(`${kind}\\.([\\w-]+)`, 'g'))].map(([, name]) => name)

test('the schemas refuse what GitHub would', () => {
  const first = action.runs.steps.find((step) => 'run' in step)
  const withStep = (step: object) => ({ ...action, runs: { ...action.runs, steps: [step] } })
  expect(schemas.actionSchema.safeParse(withStep({ ...first, shell: undefined })).success).toBe(false)
  expect(schemas.actionSchema.safeParse(withStep({ uses: 'someone/else@v1' })).success).toBe(false)
  expect(schemas.actionSchema.safeParse(withStep({ uses: 'actions/setup-node@main' })).success).toBe(false)
  expect(schemas.workflowSchema.safeParse({ ...workflow, job: workflow.jobs }).success).toBe(false)
})

test('every input reaches the script, by the name that the script reads, and only through the environment', () => {
  const run = action.runs.steps.find((step) => step.id === 'run')
  expect(run !== undefined && 'run' in run && run.run.includes('${{')).toBe(false)
  const passed = Object.entries(run?.env ?? {}).map(
    ([variable, value]) => [variable, references(String(value), 'inputs')[0] ?? ''] as const,
  )
  expect(passed.map(([, input]) => input).sort()).toEqual(Object.keys(action.inputs).sort())
  for (const [variable, input] of passed) expect(variable).toBe(`ASSAY_CI_${input.toUpperCase().replaceAll('-', '_')}`)
  // The defaults are those of the script.
  const defaults = Object.fromEntries(passed.map(([variable, input]) => [variable, action.inputs[input]?.default] as const))
  const start = { ASSAY_CI_START_STACK: 'true' }
  expect(wishOf({ ...defaults, ...start })).toEqual(wishOf(start))
})

test('the example names inputs and outputs that exist', () => {
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)
  const assay = steps.find((step) => 'uses' in step && step.uses.endsWith('/assay-run'))
  expect(assay !== undefined && 'with' in assay && Object.keys(assay.with ?? {}).filter((input) => !(input in action.inputs))).toEqual([])
  const outputs = references(JSON.stringify(steps), `steps.${assay?.id}.outputs`)
  expect(outputs.length).toBeGreaterThan(0)
  expect(outputs.filter((output) => !(String(output) in action.outputs))).toEqual([])
  const inputs = references(JSON.stringify(steps), 'inputs')
  expect(inputs.filter((input) => !(String(input) in (workflow.on.workflow_dispatch?.inputs ?? {})))).toEqual([])
})

test('the example publishes the JUnit report, also of a run that failed, and may write the check', () => {
  const job = workflow.jobs['run']
  const publish = job?.steps.find((step) => 'uses' in step && step.uses.startsWith('mikepenz/action-junit-report@'))
  expect(publish).toMatchObject({
    if: expect.stringMatching(/^always\(\)/) as string,
    with: { report_paths: '${{ steps.assay.outputs.junit }}' },
  })
  expect(job?.permissions).toEqual({ contents: 'read', checks: 'write' })
})

test('what the workflow runs by npm is a script of the package', () => {
  const { scripts } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const runs = Object.values(workflow.jobs).flatMap((job) => job.steps.flatMap((step) => ('run' in step ? [step.run] : [])))
  const named = runs.flatMap((run) => [...run.matchAll(/npm run ([\w-]+)/g)].map(([, name = '']) => name))
  expect(named).toEqual(['compose-test'])
  for (const name of named) expect(scripts).toHaveProperty(name)
})
