import { images } from '../images.ts'
import type { Build, Service } from './model.ts'

const assayBuild = (target: 'agents' | 'pipeline'): Build => ({
  context: '..',
  dockerfile: 'compose/docker/images/assay.Dockerfile',
  target,
  args: { NODE_IMAGE: images.node, PYTHON_IMAGE: images.python },
})

/** One service builds the image that all of its kind run. */
export const builds = (target: 'agents' | 'pipeline', service: Service): Service => ({
  ...service,
  build: assayBuild(target),
  pull_policy: undefined,
})
