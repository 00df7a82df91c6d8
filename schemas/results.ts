import { z } from 'zod'
import { agentHeartbeat } from './results/agent-heartbeat.ts'
import { auditDue } from './results/audit-due.ts'
import { auditRecords } from './results/audit-records.ts'
import { auditReopened } from './results/audit-reopened.ts'
import { auditScoped } from './results/audit-scoped.ts'
import { auditTimes } from './results/audit-times.ts'
import { auditWindow } from './results/audit-window.ts'
import { canariesIntended } from './results/canaries-intended.ts'
import { canariesProduced } from './results/canaries-produced.ts'
import { correction } from './results/correction.ts'
import { evidenceMissing } from './results/evidence-missing.ts'
import { faultChanged } from './results/fault-changed.ts'
import { hopSighted } from './results/hop-sighted.ts'
import { logTold } from './results/log-told.ts'
import { mirrorDefectSeen } from './results/mirror-defect-seen.ts'
import { partEnded } from './results/part-ended.ts'
import { probeAnswered } from './results/probe-answered.ts'
import { requestRefused } from './results/request-refused.ts'
import { rulesChecked } from './results/rules-checked.ts'
import { runAccepted } from './results/run-accepted.ts'
import { runFailing } from './results/run-failing.ts'
import { runJudged } from './results/run-judged.ts'
import { snapshotReconciled } from './results/snapshot-reconciled.ts'
import { stageEnded } from './results/stage-ended.ts'
import { stageStarted } from './results/stage-started.ts'
import { violationFound } from './results/violation-found.ts'

/** Everything that may travel on the results topic. New kinds go to the end: the order is that of the Avro union. */
export const resultMessages = [
  runAccepted,
  requestRefused,
  stageStarted,
  stageEnded,
  canariesIntended,
  canariesProduced,
  hopSighted,
  snapshotReconciled,
  probeAnswered,
  faultChanged,
  violationFound,
  correction,
  evidenceMissing,
  agentHeartbeat,
  runJudged,
  mirrorDefectSeen,
  rulesChecked,
  auditScoped,
  auditDue,
  auditWindow,
  auditRecords,
  partEnded,
  logTold,
  runFailing,
  auditReopened,
  auditTimes,
] as const
export const resultMessage = z.discriminatedUnion('kind', resultMessages)
export type ResultMessage = z.infer<typeof resultMessage>
export type ResultKind = ResultMessage['kind']
export type Fact<Kind extends ResultKind> = Extract<ResultMessage, { kind: Kind }>
/** A fact about one run. */
export type RunFact = Extract<ResultMessage, { runId: string }>
