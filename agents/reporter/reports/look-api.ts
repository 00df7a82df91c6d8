import { canaryContent, eventTimeOf, type CanarySource } from '../../../shared/core/canary.ts'
import { AssayError } from '../../../shared/core/errors.ts'
import { canaryIdText } from '../../../shared/core/identity.ts'
import type { RangeSet } from '../../../shared/core/range-set.ts'
import { fieldText, readRecordSchema } from '../../../shared/core/record-schema.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { hopName, type ApiHop } from '../../../topology/topology.ts'
import { forPeople, type LookPlaces } from './look-places.ts'
import { shellWord } from './quoting.ts'

/** Canaries of one stream that an answer of an endpoint speaks of. */
export interface Asked {
  readonly hop: ApiHop
  readonly stream: number
  readonly standing: RangeSet
}

interface Span {
  readonly stream: number
  readonly first: number
  readonly last: number
}

/**
 * The request whose answer is accused, for a shell; null where a part of its address follows from more than the run.
 * Secrets stay variables of the environment.
 */
export function apiCommand(run: RunState, { hop, stream, standing }: Asked, where: LookPlaces): string | null {
  const { ranges } = standing
  const path = pathOf(run, hop, { stream, first: ranges[0] as number, last: ranges[ranges.length - 1] as number })
  if (path === null) return null
  const place = where.apis?.[hopName(hop)]
  // What is no name of a header could not be sent either.
  const named = (place?.headers ?? []).filter(({ name }) => /^[\w-]+$/.test(name))
  const headers = named.map(({ name, variable }) => ` -H "${name}: $${variable}"`)
  const isKnown = place !== undefined && place.origin !== ''
  const address = isKnown ? shellWord(forPeople(where, place.origin) + path) : `"$PIPELINE_API_URL"${shellWord(path)}`
  return `curl${headers.join('')} ${address}`
}

/** The path with its references filled in, as the prober does; a run's own hops bear no address. */
function pathOf(run: RunState, hop: ApiHop, span: Span): string | null {
  const values = new Map<string, string | null>()
  try {
    for (const [, name = ''] of hop.url.matchAll(REFERENCE)) values.set(name, valueOf(run, hop, { ...span, name }))
  } catch (error) {
    // Records whose content nobody can compute: a report does without the command.
    if (error instanceof AssayError) return null
    throw error
  }
  if ([...values.values()].includes(null)) return null
  return hop.url.replace(REFERENCE, (_whole, name: string) => encodeURIComponent(values.get(name) ?? ''))
}

const REFERENCE = /\{(\w+)\}/g

function valueOf(run: RunState, hop: ApiHop, { name, stream, first, last }: Span & { readonly name: string }): string | null {
  const { runId, resolved } = run
  if (hop.per === 'canary' && name === resolved.record.identity) return canaryIdText({ runId, stream, seq: first })
  const { seed, record, plan } = resolved
  const source: CanarySource = { runId, seed, load: plan.load, record, fields: readRecordSchema(resolved.recordSchema) }
  if (hop.per === 'window' && name === 'from') return String(eventTimeOf(source, stream, first))
  if (hop.per === 'window' && name === 'to') return String(eventTimeOf(source, stream, last + 1))
  const at = canaryContent(source)
  const [one, other] = [first, hop.per === 'canary' ? first : last].map((seq) =>
    fieldAtTable(run, hop, { name, source, content: at(stream, seq) }),
  )
  // A window is asked for by one value: where its canaries differ, which one it was follows from all of them.
  return one !== undefined && one === other ? one : null
}

interface FieldOf {
  readonly name: string
  readonly source: CanarySource
  readonly content: ReturnType<ReturnType<typeof canaryContent>>
}

/** The field as the table before the endpoint must hold it; null where that takes an engine to compute. */
function fieldAtTable(run: RunState, hop: ApiHop, { name, source, content }: FieldOf): string | null {
  const { hops } = run.resolved
  const table = hops
    .slice(
      0,
      hops.findIndex((one) => hopName(one) === hopName(hop)),
    )
    .findLast((one) => one.kind === 'table')
  const sql = table?.expect.find(({ field }) => field === name)?.sql ?? name
  const [, turn, produced] = /^(?:(upper|lower)\()?\s*(\w+)\s*\)?$/.exec(sql) ?? []
  const field = source.fields.find((one) => one.name === produced)
  if (field === undefined) return null
  const text = fieldText(field.type, content[field.name] ?? null)
  return turn === 'upper' ? (text?.toUpperCase() ?? null) : turn === 'lower' ? (text?.toLowerCase() ?? null) : text
}
