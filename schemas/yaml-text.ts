/** Plain data as block YAML. Every text is a JSON string, which is YAML as it stands, so nothing needs a quoting rule. */
export const yamlText = (value: unknown): string => `${lines(value).join('\n')}\n`

function lines(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => lines(item).map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`)))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [JSON.stringify(value)]
  const entries = Object.entries(value)
  if (entries.length === 0) return ['{}']
  return entries.flatMap(([name, item]) => {
    const [first = '', ...rest] = lines(item)
    const isBlock = typeof item === 'object' && item !== null && Object.keys(item as object).length > 0
    return isBlock ? [`${nameText(name)}:`, ...[first, ...rest].map((line) => `  ${line}`)] : [`${nameText(name)}: ${first}`]
  })
}

/** Words that YAML 1.1 reads as booleans or null need quotes even where they are names. */
const nameText = (name: string) =>
  /^[A-Za-z_$][\w$-]*$/.test(name) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(name) ? name : JSON.stringify(name)
