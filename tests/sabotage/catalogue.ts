import type { SabotageCase } from './case.ts'
import { changedTopicCases } from './cases/changed-topics.ts'
import { disturbedCases } from './cases/disturbed.ts'
import { innocentCases } from './cases/innocent.ts'
import { otherCases } from './cases/others.ts'
import { tableFileCases } from './cases/table-files.ts'
import { tableCases } from './cases/table.ts'
import { topicCases } from './cases/topic.ts'

export const catalogue: readonly SabotageCase[] = [
  ...topicCases,
  ...changedTopicCases,
  ...tableCases,
  ...tableFileCases,
  ...otherCases,
  ...innocentCases,
  ...disturbedCases,
]
