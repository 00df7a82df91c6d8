import { z } from 'zod'

/** Of the report's published schema what is looked at here. */
const report = z.object({
  runId: z.string(),
  verdict: z.string(),
  early: z.boolean().default(false),
  violations: z.object({ listed: z.array(z.object({ kind: z.string(), traceId: z.string() })) }),
})

/** What a person finds behind the link of an alert. */
export interface FoundReport {
  readonly runId: string
  readonly verdict: string
  /** Told while the run is under way. */
  readonly isEarly: boolean
  /** Of the first lost canary that is listed. */
  readonly traceId: string | null
}

/**
 * The link as it stands in the alert, opened from this machine: the reporter is published at a port of the loopback address,
 * whatever host the link names. Null until page and report are there.
 */
export async function reportBehind(link: string, reporterPort: number): Promise<FoundReport | null> {
  const page = linkFromHere(link, reporterPort)
  if (page === null) return null
  const opened = await fetch(page).catch(() => null)
  const written = await fetch(`${page.href}/report.json`).catch(() => null)
  if (opened?.ok !== true || written?.ok !== true) return null
  const { runId, verdict, early, violations } = report.parse(await written.json())
  return { runId, verdict, isEarly: early, traceId: violations.listed.find(({ kind }) => kind === 'lost')?.traceId ?? null }
}

export function linkFromHere(link: string, reporterPort: number): URL | null {
  if (!URL.canParse(link)) return null
  const url = new URL(link)
  url.protocol = 'http:'
  url.hostname = '127.0.0.1'
  url.port = String(reporterPort)
  return url
}
