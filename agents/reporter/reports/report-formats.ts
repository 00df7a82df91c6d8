import { jsonReport } from './json.ts'
import { markdownReport } from './markdown.ts'
import type { ReportSource } from './report-source.ts'

export interface ReportFormat {
  readonly name: string
  readonly fileName: string
  readonly mediaType: string
  readonly render: (source: ReportSource) => string
}

/** Every format a run is reported in. A new one is a row here and a pure function beside it. */
export const reportFormats: readonly ReportFormat[] = [
  { name: 'json', fileName: 'report.json', mediaType: 'application/json', render: jsonReport },
  { name: 'markdown', fileName: 'report.md', mediaType: 'text/markdown', render: markdownReport },
]
