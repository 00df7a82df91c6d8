import { parser } from '@prometheus-io/lezer-promql'
import type { SyntaxNode } from '@lezer/common'

/** What a metric's series are told apart by: values where they are a closed set, else null. */
export type KnownLabels = Readonly<Record<string, readonly string[] | null>>
export type KnownMetrics = ReadonlyMap<string, KnownLabels>

export interface Reading {
  /** What is wrong: no PromQL, a metric nobody exports, a label it does not have. */
  readonly problems: readonly string[]
  readonly metrics: ReadonlySet<string>
  /** Labels of the series that come out; null for a number. */
  readonly labels: ReadonlySet<string> | null
}

/** Grafana's variables as Prometheus would get them. */
const variables: readonly (readonly [RegExp, string])[] = [
  [/\$__(rate_interval|interval)/g, '1m'],
  [/\$__range/g, '1h'],
]

export function readPromql(given: string, known: KnownMetrics): Reading {
  const text = variables.reduce((expr, [variable, value]) => expr.replaceAll(variable, value), given)
  const reader = new Reader(text, known)
  const tree = parser.parse(text)
  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) reader.problems.push(`no PromQL at ${from}: ${text.slice(from, from + 20) || 'the end'}`)
    },
  })
  const labels = reader.problems.length > 0 ? null : reader.labelsOf(tree.topNode.firstChild)
  return { problems: reader.problems, metrics: reader.metrics, labels }
}

type Labels = Set<string> | null

class Reader {
  readonly problems: string[] = []
  readonly metrics = new Set<string>()
  readonly #text: string
  readonly #known: KnownMetrics

  constructor(text: string, known: KnownMetrics) {
    this.#text = text
    this.#known = known
  }

  labelsOf(node: SyntaxNode | null): Labels {
    switch (node?.name) {
      case 'VectorSelector':
        return this.#selected(node)
      case 'AggregateExpr':
        return this.#aggregated(node)
      case 'BinaryExpr':
        return this.#joined(node)
      case 'FunctionCall':
        return this.#called(node)
      case 'NumberDurationLiteral':
      case 'StringLiteral':
      case undefined:
        return null
      default:
        // Brackets, ranges, offsets, signs: one expression within.
        return this.labelsOf(expressionsIn(node)[0] ?? null)
    }
  }

  #selected(node: SyntaxNode): Labels {
    const metric = this.#textOf(node.getChild('Identifier'))
    this.metrics.add(metric)
    const labels = this.#known.get(metric)
    if (labels === undefined) {
      this.problems.push(`${metric} is exported by nobody`)
      return new Set()
    }
    for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
      const label = this.#textOf(matcher.getChild('LabelName'))
      const value = this.#textOf(matcher.getChild('StringLiteral')).slice(1, -1)
      const values = labels[label]
      if (values === undefined) this.problems.push(`${metric} has no label ${label}`)
      for (const named of valuesIn(matcher.getChild('MatchOp'), value)) {
        if (!Array.isArray(values) || values.includes(named)) continue
        this.problems.push(`${metric}: ${label} is never ${named}, only ${values.join(', ')}`)
      }
    }
    return new Set(Object.keys(labels))
  }

  #aggregated(node: SyntaxNode): Labels {
    const args = expressionsIn(node.getChild('FunctionCallBody'))
    const within = this.labelsOf(args.at(-1) ?? null) ?? new Set()
    const modifier = node.getChild('AggregateModifier')
    if (modifier === null) return new Set()
    const named = this.#grouping(modifier)
    for (const label of named) if (!within.has(label)) this.problems.push(`grouped by ${label}, which is no label there`)
    return modifier.getChild('By') === null ? new Set([...within].filter((label) => !named.includes(label))) : new Set(named)
  }

  #joined(node: SyntaxNode): Labels {
    const [left = null, right = null] = expressionsIn(node).map((side) => this.labelsOf(side))
    if (left === null || right === null) return left ?? right
    const clause = node.getChild('MatchingModifierClause')
    const [named = []] = clause === null ? [] : [this.#grouping(clause)]
    if (clause?.getChild('On')) {
      for (const label of named)
        if (!left.has(label) || !right.has(label)) this.problems.push(`joined on ${label}, which is not on both sides`)
    }
    if (node.getChild('And') !== null || node.getChild('Unless') !== null) return left
    if (node.getChild('Or') !== null) return new Set([...left, ...right])
    if (clause === null) {
      // Sides of different labels never meet.
      if (left.size !== right.size || [...left].some((label) => !right.has(label))) {
        this.problems.push(`joined by all labels, and they differ: ${[...left].join(', ')} and ${[...right].join(', ')}`)
      }
      return left
    }
    if (clause.getChild('GroupRight') !== null) return right
    return clause.getChild('GroupLeft') !== null || !clause.getChild('On') ? left : new Set(named)
  }

  #called(node: SyntaxNode): Labels {
    const name = this.#textOf(node.getChild('FunctionIdentifier'))
    const args = expressionsIn(node.getChild('FunctionCallBody'))
    const labels = args.map((arg) => this.labelsOf(arg)).find((found) => found !== null) ?? null
    switch (name) {
      case 'time':
      case 'pi':
      case 'scalar':
        return null
      case 'vector':
        return new Set()
      case 'absent':
      case 'absent_over_time':
        return new Set()
      case 'histogram_quantile':
        if (labels?.has('le') !== true) this.problems.push('histogram_quantile without le')
        return new Set([...(labels ?? [])].filter((label) => label !== 'le'))
      case 'label_replace':
        return new Set([...(labels ?? []), this.#textOf(args[1] ?? null).slice(1, -1)])
      default:
        return labels
    }
  }

  #grouping(node: SyntaxNode): string[] {
    const [first] = node.getChildren('GroupingLabels')
    return (first?.getChildren('LabelName') ?? []).map((label) => this.#textOf(label))
  }

  #textOf(node: SyntaxNode | null): string {
    return node === null ? '' : this.#text.slice(node.from, node.to)
  }
}

/** What a matcher names, whether to have or to exclude it: a misspelt exclusion excludes nothing. */
function valuesIn(operator: SyntaxNode | null, value: string): string[] {
  if (value.includes('$') || value === '') return []
  if (operator?.getChild('EqlRegex') ?? operator?.getChild('NeqRegex')) return /^[\w|-]+$/.test(value) ? value.split('|') : []
  return [value]
}

const expressions = new Set([
  ...['AggregateExpr', 'BinaryExpr', 'FunctionCall', 'MatrixSelector', 'NumberDurationLiteral', 'OffsetExpr', 'ParenExpr'],
  ...['StringLiteral', 'SubqueryExpr', 'UnaryExpr', 'VectorSelector', 'StepInvariantExpr'],
])

function expressionsIn(node: SyntaxNode | null): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) if (expressions.has(child.name)) found.push(child)
  return found
}
