import { images } from '../../compose/docker/images.ts'
import { debianCommand, debianFiles } from '../../compose/local/debian.ts'
import { goProgram } from '../../compose/local/go.ts'
import { natsServer } from '../../compose/local/nats.ts'

type Note = (line: string) => void

const versionOf = (image: string) => image.split(':')[1] ?? ''

/** Other people's programs that tests run, each brought into the cache when it is first asked for. Throws StackError. */
export const programs = {
  /** Debian's reads its templates from /usr/share, where a test puts nothing: the version that Compose runs, from its module. */
  alertmanager: (note: Note) =>
    goProgram(
      {
        name: 'alertmanager',
        module: 'github.com/prometheus/alertmanager',
        version: versionOf(images.alertmanager),
        package: './cmd/alertmanager',
      },
      note,
    ),
  jaeger: (note: Note) =>
    goProgram({ name: 'jaeger', module: 'github.com/jaegertracing/jaeger', version: 'v1.76.0', package: './cmd/jaeger' }, note),
  chromium: (note: Note) => debianCommand('chromium', ['chromium'], note),
  nats: (note: Note) => natsServer('always', process.env['PATH'] ?? '', note),
  /** The folder that holds its `usr/bin/prometheus` and `usr/bin/promtool`. */
  prometheus: (note: Note) => debianFiles(['prometheus'], note),
  /** The folder that holds its `usr/bin/kcat` and the libraries of it. */
  kcat: (note: Note) => debianFiles(['kcat'], note),
}
