import { readFileSync } from 'node:fs'

/** A line of a shell block in a README, without its comment. */
export interface ReadmeCommand {
  readonly line: string
  readonly comment: string
}

/** All commands of the shell blocks of a Markdown file, block by block. */
export function readmeCommands(path: string): ReadmeCommand[][] {
  return fencesOf(path)
    .filter(({ language }) => /^(sh|bash|shell|console)$/.test(language))
    .map(({ body }) =>
      body
        .replaceAll('\\\n', ' ')
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith('#'))
        .map((line) => {
          const [, command = '', comment = ''] = /^(.*?)(?:\s{2,}#\s*(.*))?$/.exec(line) ?? []
          return { line: command.trim(), comment }
        }),
    )
}

/** What somebody would type at a shell, and options that are told of apart from their command. */
const TYPED = /^(?:(?:npm|npx|node|docker|assay|kcat|curl|git|bash|sh) |--\w)/

/** Commands in running text, between backticks, and those in blocks that say they are something else: none may be there. */
export function mentionedCommands(path: string): string[] {
  const text = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```$/gm, '')
  const inline = [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => (code ?? '').replace(/\s+/g, ' ').trim())
  const hidden = fencesOf(path)
    .filter(({ language }) => !/^(sh|bash|shell|console)$/.test(language))
    .flatMap(({ body }) => body.split('\n').map((line) => line.replace(/^\$\s+/, '').trim()))
  return [...inline, ...hidden].filter((code) => TYPED.test(code))
}

const fencesOf = (path: string) =>
  [...readFileSync(path, 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', body = '']) => ({ language, body }))
