import { expect, test } from 'vitest'
import { composeFiles } from '../../compose/docker/generated.ts'

// Fails? The data changed: run `npm run docs` and look at what it changes.
test.each(Object.entries(composeFiles))('%s is what its data says', async (file, render) => {
  await expect(render()).toMatchFileSnapshot(`../../${file}`)
})
