import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { expect, test } from 'vitest'
import { assayAttribute, attribute } from './trace-attributes.ts'

test("names are those of OpenTelemetry's conventions, and our own stay out of their way", () => {
  const known = new Set<unknown>(Object.entries(conventions).flatMap(([name, value]) => (name.startsWith('ATTR_') ? [value] : [])))
  expect(Object.values(attribute).filter((name) => !known.has(name))).toEqual([])
  expect(Object.values(assayAttribute).filter((name) => known.has(name) || !name.startsWith('assay.'))).toEqual([])
})
