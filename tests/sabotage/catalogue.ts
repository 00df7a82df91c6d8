import type { SabotageCase } from './case.ts'
import { innocentCases } from './cases/innocent.ts'
import { tableCases } from './cases/table.ts'
import { topicCases } from './cases/topic.ts'

export const catalogue: readonly SabotageCase[] = [...topicCases, ...tableCases, ...innocentCases]
