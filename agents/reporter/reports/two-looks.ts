import type { ViolationKind } from '../../../schemas/parts.ts'
import { isTimed } from '../../../shared/core/audit-findings.ts'
import { unreachable } from '../../../shared/core/assert.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { hopName, type Hop } from '../../../topology/topology.ts'
import type { Cause } from './causes.ts'
import { placeText, wasLost } from './locate.ts'

/** What an accusation stands on, each a phrase; what came second is either one more look or what the first is held against. */
export interface TwoLooks {
  readonly first: string
  readonly second: string
  readonly secondIs: 'Second look' | 'Held against'
}

/** Null for what no hop of the run shows. */
export function twoLooks(run: RunState, cause: Pick<Cause, 'kind' | 'hop' | 'samples'>): TwoLooks | null {
  const hop = run.resolved.hops.find((candidate) => hopName(candidate) === cause.hop)
  const [sample] = cause.samples
  if (hop === undefined || sample === undefined) return null
  const looks = wasLost(sample.violation)
    ? cameAfterAll(sample.violation.actual)
    : isTimed(sample.violation)
      ? countedTwice
      : looksAt(cause.kind, hop)
  const place = placeText(sample)
  return place === '' ? looks : { ...looks, first: `${looks.first} (the first: ${place})` }
}

/** `First look: …. Second look: ….` */
export const looksText = ({ first, second, secondIs }: TwoLooks): string => `First look: ${first}. ${secondIs}: ${second}.`

const again = (first: string, second: string): TwoLooks => ({ first, second, secondIs: 'Second look' })
const against = (first: string, second: string): TwoLooks => ({ first, second, secondIs: 'Held against' })

const cameAfterAll = (actual: string) => again('told lost, since progress had passed it', `it came after all: ${actual}`)

const countedTwice = against(
  'records of the topic were counted by event time, once all of the run was there',
  'rows of the same times in the table, counted until the sink had had its time',
)

function looksAt(kind: ViolationKind, hop: Hop): TwoLooks {
  switch (kind) {
    case 'lost':
      return looksAtLoss[hop.kind]
    case 'late':
      return against(timeOf[hop.kind], `the time each was meant to be sent, and what the hop is given: ${givenText(hop)}`)
    case 'duplicated':
      return hop.kind === 'table'
        ? against('rows of the files that a snapshot added, by identity', 'the rows of the same canaries that the table held already')
        : against(
            'each record was read with its identity, at a place of its own',
            'the place at which the same canary had been read before',
          )
    case 'reordered':
      return against('the order in which the records stand in the partition', 'the order in which the stream was sent')
    case 'corrupted':
    case 'precision-lost':
    case 'schema-violated':
      return against(contentOf[hop.kind], 'what it must be, computed from run, stream and seq and taken from no other record')
    case 'header-lost':
      return against('the headers of the record as it was read', 'the headers it was written with, computed from run, stream and seq')
    case 'unexpected':
      return against(contentOf[hop.kind], "the generator's ledger: the write was refused for certain, or never meant")
    case 'stale':
      return again('the answer named a snapshot superseded for longer than it may be', 'asked again, it named such a snapshot still')
    case 'wrong-answer':
      return again('the answer was compared with what was produced', 'asked again, it was wrong again')
    case 'slow':
      return against('the time from when the question was due to its answer', 'the limit it was given')
    case 'unavailable':
      return again('asked, it gave no good answer', 'asked again and again, it gave none')
    case 'metadata-broken':
      return against("the table's metadata, as the snapshot has it", 'the files it speaks of, and the snapshot before')
    case 'rule-broken':
      return against(contentOf[hop.kind], 'the rule')
    case 'unprotected':
      return again('asked without credentials, it did not refuse', 'asked again without them, it did not refuse either')
    case 'leaked':
      return against(contentOf[hop.kind], 'what must not stand there')
    case 'not-recovered':
      return against('what came after the fault was healed', 'the time it is given to recover')
    case 'regressed':
      return against('the figures of this run', 'those of the runs before')
    default:
      return unreachable(kind)
  }
}

const looksAtLoss: Readonly<Record<Hop['kind'], TwoLooks>> = {
  source: again('read up to the end of the stream', 'a second reader of the stream did not find them either'),
  topic: again(
    'the reading of the topic, or what processes it, had passed them',
    'a new consumer that seeks did not find them either; the topic before was read again for their place',
  ),
  table: again(
    'each snapshot of the run was read for its rows; the table holds rows from behind these, or its sink has read beyond them and committed since, or a later snapshot took them away',
    'a freshly loaded catalog and a new scan did not find them either; the topic was read again for their place',
  ),
  api: again('the endpoint did not answer with them', 'asked again, it still did not'),
}

const timeOf: Readonly<Record<Hop['kind'], string>> = {
  source: 'the time at which the stream took each in',
  topic: 'the time the broker stamped on each when it was appended',
  table: 'the commit time of the snapshot that brought each',
  api: 'the time of the answer',
}

const contentOf: Readonly<Record<Hop['kind'], string>> = {
  source: 'read from the stream',
  topic: 'read from the topic',
  table: 'read from the files of the snapshot',
  api: 'read from the answer',
}

const givenText = (hop: Hop) => `${hop.kind === 'api' ? hop.staleAfterMs : hop.deliverWithinMs} ms`
