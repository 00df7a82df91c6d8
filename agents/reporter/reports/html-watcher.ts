import { mirrorViolation } from '../../../shared/core/mirror.ts'
import { watchedDefects } from '../../../shared/core/watcher.ts'
import { tableOf } from './html-parts.ts'
import { markup, type Content } from './markup.ts'
import type { ReportSource } from './report-source.ts'
import { seenText, WATCHER_NOTE, WATCHER_UNKNOWN } from './watcher-text.ts'

/** What became of the defects that were planted to see whether the watchers see them; nothing where the plan plants none. */
export function watcherSection({ run, evidence }: ReportSource): Content {
  if (run.resolved.plan.load.mirror === undefined) return null
  const rows = watchedDefects(run, evidence).map((one) => [one.hop, one.defect, mirrorViolation[one.defect], seenText(one)])
  const columns = [
    { name: 'hop', is: 'wide' as const },
    { name: 'planted' },
    { name: 'to be told as' },
    { name: 'seen', is: 'wide' as const },
  ]
  return markup`<section aria-labelledby="watcher"><h2 id="watcher">The watcher watched</h2>
<p class="soft">${rows.length === 0 ? WATCHER_UNKNOWN : WATCHER_NOTE}</p>
${rows.length === 0 ? null : tableOf('Defects planted', columns, rows)}</section>
`
}
