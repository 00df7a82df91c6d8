/** What the README promises of a command, as its test runs it. */
export interface Promised {
  readonly command: RegExp
  /** Zero if left out. */
  readonly exitCode?: number
  readonly prints?: RegExp
  /** Begun beforehand, for a command that waits for something to happen. */
  readonly meanwhile?: string
}

/** The first that fits counts. */
const promised: readonly Promised[] = [
  { command: /^npm run demo -- --defect skip$/, exitCode: 1, prints: /missed 0[\s\S]*wrongly accused 0/ },
  { command: /^npm run demo/, prints: /PASS/ },
  { command: /assay -- watch/, prints: /PASS/, meanwhile: 'npm run assay -- run smoke' },
  { command: /assay -- (run|verdict)/, prints: /PASS/ },
]

/** A command that the test of the README does not run itself. */
export interface RunElsewhere {
  readonly command: RegExp
  /** What runs it. */
  readonly by: string
  /** By which that can be seen in the file. */
  readonly shownBy: RegExp
  /** When that is run, and why not here. */
  readonly when: string
}

export const runElsewhere: readonly RunElsewhere[] = [
  {
    command: /^npm test$/,
    by: '.ci/run',
    shownBy: /^npm test$/m,
    when: 'by whoever tests on a new machine; the test of the README is a part of it',
  },
  {
    command: /^docker compose up -d --wait$/,
    by: 'compose/docker/e2e/composed.ts',
    shownBy: /'up', '--detach', '--wait'/,
    when: 'by `node compose/docker/e2e.ts`, where a Docker engine can be started: not a part of `npm test`',
  },
  {
    command: /^npm run bench$/,
    by: 'package.json',
    shownBy: /"bench": "node loadgen\/bench\/main\.ts"/,
    when: 'by hand: minutes of full load, for figures. No test runs the whole; what it prints and judges by is tested in loadgen/bench/*.test.ts',
  },
  {
    command: /^assay verdict <run id>$/,
    by: 'README.md',
    shownBy: /^npm run assay -- verdict <run id>/m,
    when: 'in the same test, by its other name',
  },
]

export const promiseOf = (command: string): Promised | undefined => promised.find((one) => one.command.test(command))
export const isRunHere = (command: string): boolean => runElsewhere.every((one) => !one.command.test(command))
