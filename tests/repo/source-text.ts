import { dirname, posix } from 'node:path'
import ts from 'typescript'

export interface Import {
  readonly specifier: string
  /** Path from the top of the repository; null for a package. */
  readonly target: string | null
  readonly typeOnly: boolean
  readonly line: number
}

export interface Breach {
  readonly rule: string
  readonly line: number
  readonly instead: string
}

const lineOf = (source: ts.SourceFile, node: ts.Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1

/** What a file imports or hands on, static or dynamic. */
export function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (node: ts.Node, specifier: ts.Expression | undefined, typeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const { text } = specifier
    const target = text.startsWith('.') ? posix.join(dirname(source.fileName), text) : null
    found.push({ specifier: text, target, typeOnly, line: lineOf(source, node) })
  }
  visit(source, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], false)
  })
  return found
}

/** Forbidden words of the language, found in the syntax: not in comments, texts or names of one's own. */
export function textRules(source: ts.SourceFile): Breach[] {
  const breaches: Breach[] = []
  visit(source, (node) => {
    const found = breachOf(node)
    if (found !== null) breaches.push({ ...found, line: lineOf(source, node) })
  })
  for (const [index, line] of source.text.split('\n').entries()) {
    const comment = /(?:\/\/|\/?\*)(.*)/.exec(line)?.[1] ?? ''
    for (const [pattern, rule, instead] of commentRules) if (pattern.test(comment)) breaches.push({ rule, line: index + 1, instead })
  }
  return breaches
}

const commentRules: readonly (readonly [pattern: RegExp, rule: string, instead: string])[] = [
  [/@ts-(ignore|nocheck|expect-error)\b/, 'silenced types', 'give it a truer type'],
  [/\b(TO)(DO)\b|\b(FIX)(ME)\b|\bX{3}\b/, 'unfinished', 'finish it, or make it a decision'],
]

function breachOf(node: ts.Node): Omit<Breach, 'line'> | null {
  if (ts.isAsExpression(node) && node.type.kind === ts.SyntaxKind.AnyKeyword)
    return { rule: 'as any', instead: 'a schema parse, a narrowing, or a truer type' }
  if (ts.isAsExpression(node) && ts.isAsExpression(node.expression))
    return { rule: 'double assertion', instead: 'a schema parse, a narrowing, or a truer type' }
  if (ts.isExportAssignment(node)) return { rule: 'default export', instead: 'a named export' }
  if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword))
    return { rule: 'default export', instead: 'a named export' }
  if (ts.isExportDeclaration(node) && node.exportClause === undefined)
    return { rule: 'export *', instead: 'import from the file that holds it' }
  if (ts.isPropertyAccessExpression(node)) return memberBreach(node)
  if (ts.isNewExpression(node) && isNamed(node.expression, 'Date'))
    return { rule: 'clock', instead: "the event's atMs, or shared/runtime/clock.ts" }
  return null
}

function memberBreach({ expression, name }: ts.PropertyAccessExpression): Omit<Breach, 'line'> | null {
  if (isNamed(expression, 'process') && name.text === 'env') return { rule: 'environment', instead: 'the parsed config of this agent' }
  if (
    (isNamed(expression, 'Date') && name.text === 'now') ||
    (isNamed(expression, 'performance') && /^(now|timeOrigin)$/.test(name.text))
  ) {
    return { rule: 'clock', instead: "the event's atMs, or shared/runtime/clock.ts" }
  }
  if (isNamed(expression, 'Math') && name.text === 'random') return { rule: 'chance', instead: 'a named stream of shared/core/prng.ts' }
  if (['test', 'describe', 'it'].some((word) => isNamed(expression, word)) && ['only', 'skip', 'todo', 'fails'].includes(name.text)) {
    return { rule: 'test left out', instead: 'a test that runs, or none' }
  }
  return null
}

const isNamed = (node: ts.Expression, name: string) => ts.isIdentifier(node) && node.text === name

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => {
    visit(child, look)
  })
}
