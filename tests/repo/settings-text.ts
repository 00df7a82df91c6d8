import ts from 'typescript'

export interface Setting {
  readonly name: string
  readonly type: string
  readonly defaultText: string
  readonly meaning: string
}

/**
 * The settings of a `z.object({ NAME: z.string().default(…).describe(…) })`, read from its source: the schema is not
 * exported, and what a reader wants (least, greatest, choices) is how it is written there.
 */
export function settingsOf(text: string, constant: string): Setting[] {
  const source = ts.createSourceFile('config.ts', text, ts.ScriptTarget.Latest, true)
  const object = objectOf(source, constant)
  if (object === null) throw new TypeError(`no const ${constant} = z.object({ … }) in the source`)
  return object.properties.filter(ts.isPropertyAssignment).map((property) => {
    const calls = callsOf(property.initializer)
    const argument = (name: string) => calls.find((call) => call.name === name)?.argument
    const type = calls.filter(({ name }) => !['default', 'describe', 'optional', 'nullable'].includes(name)).map(({ text }) => text)
    const optional = calls.some(({ name }) => name === 'optional')
    const given = argument('default')
    return {
      name: property.name.getText(source),
      type: typeText(type.join('.')),
      defaultText: given === undefined ? (optional ? 'none' : 'required') : `\`${literalText(given)}\``,
      meaning: literalText(argument('describe')),
    }
  })
}

/** Words for the shapes that settings have; others stand as they are written. */
function typeText(written: string): string {
  const known: Readonly<Record<string, string>> = {
    brokerList: 'host:port, several divided by commas',
    addressPairs: 'host:port=host:port, several divided by commas',
    url: 'URL',
    port: 'port, 0–65535',
    days: 'days',
    count: 'whole number',
    'enum(logLevels)': 'log level',
    'string()': 'text',
  }
  const choices = /^enum\(\[(.*)\]\)$/.exec(written)?.[1]
  if (choices !== undefined) return choices.replaceAll("'", '`')
  const [, most] = /max\((\d[\d_]*)\)/.exec(written) ?? []
  if (written.startsWith('string()')) return most === undefined ? 'text' : `text, at most ${most} characters`
  return known[written] ?? `\`${written}\``
}

interface Call {
  readonly name: string
  readonly argument: ts.Expression | undefined
  readonly text: string
}

/** `z.string().min(1).default('x')` as its calls in order, without the `z`. A name by itself is one, too. */
function callsOf(expression: ts.Expression): Call[] {
  if (ts.isCallExpression(expression)) {
    const callee = expression.expression
    const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : callee.getText()
    const text = `${name}(${expression.arguments.map((argument) => argument.getText()).join(', ')})`
    return [...(ts.isPropertyAccessExpression(callee) ? callsOf(callee.expression) : []), { name, argument: expression.arguments[0], text }]
  }
  const text = expression.getText()
  return text === 'z' ? [] : [{ name: text, argument: undefined, text }]
}

const literalText = (node: ts.Expression | undefined) =>
  node === undefined ? '' : ts.isStringLiteralLike(node) ? node.text : node.getText()

function objectOf(source: ts.SourceFile, constant: string): ts.ObjectLiteralExpression | null {
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name) || name.text !== constant || initializer === undefined || !ts.isCallExpression(initializer)) continue
      const [argument] = initializer.arguments
      if (argument !== undefined && ts.isObjectLiteralExpression(argument)) return argument
    }
  }
  return null
}
