import { readFileSync } from 'node:fs'

/** A line of a shell block in a README, without its comment. */
export interface ReadmeCommand {
  readonly line: string
  readonly comment: string
}

/** All commands of the `sh` blocks of a Markdown file, block by block. */
export function readmeCommands(path: string): ReadmeCommand[][] {
  const blocks = [...readFileSync(path, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body]) => body ?? '')
  return blocks.map((body) =>
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

/** Commands in running text: `npm run …` between backticks. */
export function mentionedCommands(path: string): string[] {
  const text = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```$/gm, '')
  return [...text.matchAll(/`(npm (?:run|test|ci)[^`]*)`/g)].map(([, command]) => (command ?? '').replace(/\s+/g, ' '))
}
