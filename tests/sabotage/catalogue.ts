import type { SabotageCase } from './case.ts'
import { changedTopicCases } from './cases/changed-topics.ts'
import { contractCases } from './cases/contracts.ts'
import { disturbedCases } from './cases/disturbed.ts'
import { eventTimeCases } from './cases/event-time.ts'
import { evolvedCases } from './cases/evolved.ts'
import { innocentCases } from './cases/innocent.ts'
import { millionCases } from './cases/million.ts'
import { partitionedCases } from './cases/partitioned.ts'
import { tableContentCases } from './cases/table-content.ts'
import { sharedCases } from './cases/shared.ts'
import { javaCases } from './cases/java.ts'
import { midRunCases } from './cases/mid-run.ts'
import { otherCases } from './cases/others.ts'
import { rawCases } from './cases/raw.ts'
import { reshapedTopicCases } from './cases/reshaped-topic.ts'
import { tableFileCases } from './cases/table-files.ts'
import { tableCases } from './cases/table.ts'
import { topicCases } from './cases/topic.ts'
import { watchedCases } from './cases/watched.ts'

export const catalogue: readonly SabotageCase[] = [
  ...topicCases,
  ...changedTopicCases,
  ...reshapedTopicCases,
  ...rawCases,
  ...javaCases,
  ...tableCases,
  ...tableContentCases,
  ...contractCases,
  ...partitionedCases,
  ...evolvedCases,
  ...tableFileCases,
  ...otherCases,
  ...eventTimeCases,
  ...innocentCases,
  ...disturbedCases,
  ...watchedCases,
  ...sharedCases,
  ...millionCases,
  ...midRunCases,
]
