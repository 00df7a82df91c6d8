import { htmlReport } from './html.ts'
import { jsonReport } from './json.ts'
import { junitReport } from './junit.ts'
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
  { name: 'html', fileName: 'report.html', mediaType: 'text/html', render: htmlReport },
  { name: 'json', fileName: 'report.json', mediaType: 'application/json', render: jsonReport },
  { name: 'markdown', fileName: 'report.md', mediaType: 'text/markdown', render: markdownReport },
  { name: 'junit', fileName: 'junit.xml', mediaType: 'application/xml', render: junitReport },
]
