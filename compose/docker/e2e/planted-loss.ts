import { z } from 'zod'
import { toldAlerts } from './alerts.ts'
import { until } from './heard.ts'
import { reportBehind, type FoundReport } from './report-link.ts'
import { seconds, WINDOW_MS, type Figure, type Scene } from './stories.ts'

const FAIL_WITHIN_MS = 30_000
/** The timeout of plan `continuous`: by then the verdict stands on whole evidence, whatever happens. */
const VERDICT_WITHIN_MS = 150_000

/** A normaliser that skips records: finding, alert, verdict, report, trace; then one that does not. */
export async function plantedLoss(scene: Scene): Promise<Figure[]> {
  const { composed, heard, note } = scene
  note('planting a loss in the normaliser …')
  await composed.recreate('normaliser', { NORMALISER_DEFECT: 'skip', NORMALISER_DEFECT_EVERY: '97' })
  const { runId, figures } = await fails(scene, Date.now()).finally(async () => {
    note('taking the defect away …')
    await composed.recreate('normaliser', { NORMALISER_DEFECT: 'none' })
  })
  const healedAtMs = Date.now()
  const passed = await until('a pass again', 6 * WINDOW_MS, () =>
    [...heard.judged.values()].find(
      (judged) =>
        judged.verdict === 'pass' && (heard.startedAtMs.get(judged.runId) ?? 0) > healedAtMs - WINDOW_MS && judged.runId !== runId,
    ),
  )
  const resolved = await until('the alert is resolved', 6 * WINDOW_MS, () => toldAlert(scene, 'resolved'))
  return [
    ...figures,
    ['defect off to the next pass', seconds(passed.tookMs), true],
    ['alert resolved', seconds(passed.tookMs + resolved.tookMs), true],
  ]
}

async function fails(scene: Scene, plantedAtMs: number) {
  const { heard } = scene
  const { runId, link, figures } = await failsEarly(scene, plantedAtMs)
  const failed = await until('its run fails', 4 * WINDOW_MS, () => {
    const verdict = heard.judged.get(runId)
    return verdict?.verdict === 'fail' ? verdict : null
  })
  const afterEvidenceMs = failed.value.atMs - (heard.evidenceAtMs.get(runId) ?? 0)
  const failedAfterMs = failed.value.atMs - plantedAtMs
  const whole = await until('the report of that verdict', WINDOW_MS, () => reportOf(scene, link, ({ isEarly }) => !isEarly))
  figures.push(
    ['planted loss to the verdict on whole evidence', seconds(failedAfterMs), failedAfterMs < VERDICT_WITHIN_MS],
    ['evidence whole to the verdict', seconds(afterEvidenceMs), afterEvidenceMs < FAIL_WITHIN_MS],
    ['its report takes the place of the first', `${whole.value.runId}, ${whole.value.verdict}`, isOf(whole.value, runId)],
  )
  return { runId, figures }
}

/** What somebody can know within half a minute: that a run fails, why, and where to look. */
async function failsEarly(scene: Scene, plantedAtMs: number) {
  const { composed, heard } = scene
  const lost = await until('a lost record is told', 4 * WINDOW_MS, () =>
    heard.violations.find(({ violation, atMs }) => violation === 'lost' && atMs > plantedAtMs),
  )
  const { runId } = lost.value
  const failing = await until('its run is told to fail', 4 * WINDOW_MS, () => heard.failing.get(runId))
  const toldAfterMs = failing.value.atMs - plantedAtMs
  const alert = await until('the alert is in the webhook', 2 * WINDOW_MS, () => toldAlert(scene, 'firing'))
  const alertAfterMs = Date.now() - plantedAtMs
  const { report: link = '', violation = '' } = alert.value.annotations
  const report = await until(`a report behind ${link}`, 4 * WINDOW_MS, () => reportOf(scene, link))
  const reportAfterMs = Date.now() - plantedAtMs
  const traceId = report.value.traceId ?? ''
  const trace = await until('the trace of a lost canary is in Jaeger', 60_000, () => traceIn(composed.ports.JAEGER_PORT, traceId))
  const figures: Figure[] = [
    ['planted loss to its first finding', seconds(lost.value.atMs - plantedAtMs), true],
    ['planted loss to the verdict fail of its run', seconds(toldAfterMs), failing.value.verdict === 'fail' && toldAfterMs < FAIL_WITHIN_MS],
    ['planted loss to the alert in the webhook', `${seconds(alertAfterMs)} (${violation})`, alertAfterMs < FAIL_WITHIN_MS],
    [
      'planted loss to the report behind the link of the alert',
      `${seconds(reportAfterMs)}, ${report.value.runId}, ${report.value.verdict}`,
      isOf(report.value, alert.value.annotations['run']) && reportAfterMs < FAIL_WITHIN_MS,
    ],
    ['trace of the lost canary in that report, in Jaeger', `${traceId}, ${trace.value} spans`, trace.value > 0],
  ]
  return { runId, link, figures }
}

const isOf = ({ runId, verdict }: FoundReport, wanted: string | undefined) => runId === wanted && verdict === 'fail'

async function reportOf({ composed }: Scene, link: string, isWanted: (found: FoundReport) => boolean = () => true) {
  const found = await reportBehind(link, composed.ports.ASSAY_REPORTER_PORT)
  return found !== null && isWanted(found) ? found : null
}

/** The reporter's own alert about a loss, as the webhook got it. */
async function toldAlert({ composed }: Scene, status: 'firing' | 'resolved') {
  return toldAlerts(await composed.logs('webhook')).find(
    ({ status: now, labels }) => now === status && labels['alertname'] === 'AssayRunFailed' && labels['violation'] === 'lost',
  )
}

async function traceIn(port: number | string, traceId: string): Promise<number | null> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/traces/${traceId}`).catch(() => null)
  if (answer?.ok !== true) return null
  const { data } = z.object({ data: z.array(z.object({ spans: z.array(z.unknown()) })) }).parse(await answer.json())
  return data[0]?.spans.length ?? null
}
