import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'

/** What `TableWriter.java` was told to do, and what became of it. */
export interface TableWriter {
  do(op: string, args?: Readonly<Record<string, unknown>>): Promise<WriterAnswer>
  close(): Promise<void>
}

const answerShape = z.object({
  error: z.string().optional(),
  snapshotId: z.string().optional(),
  stagedId: z.string().optional(),
  path: z.string().optional(),
  metadata: z.string().optional(),
  manifestList: z.string().optional(),
  manifest: z.string().optional(),
})
export type WriterAnswer = z.infer<typeof answerShape>

const SOURCE = join(import.meta.dirname, 'TableWriter.java')

/** Compiles the writer against the jars it stands on; gives the class path that runs it. */
export async function compileWriter(jars: string, folder: string, source = SOURCE): Promise<string> {
  await mkdir(folder, { recursive: true })
  const classPath = `${jars}/*`
  await promisify(execFile)('javac', ['-nowarn', '-d', folder, '-cp', classPath, source])
  return `${folder}:${classPath}`
}

export function startWriter(
  classPath: string,
  environment: Readonly<Record<string, string>>,
  name: readonly [string, string],
): TableWriter {
  const child: ChildProcess = spawn(
    'java',
    ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'TableWriter', ...name],
    { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'ignore'] },
  )
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('the table writer has no pipes')
  const waiting: ((line: string) => void)[] = []
  createInterface({ input: stdout }).on('line', (line) => waiting.shift()?.(line))
  const ended = once(child, 'exit').then(() => {
    for (const tell of waiting.splice(0)) tell(JSON.stringify({ error: 'the table writer ended' }))
  })
  return {
    async do(op, args = {}) {
      const line = await new Promise<string>((resolve) => {
        waiting.push(resolve)
        stdin.write(`${JSON.stringify({ op, ...args })}\n`)
      })
      const answer = answerShape.parse(JSON.parse(line))
      if (answer.error !== undefined) throw new Error(`${op}: ${answer.error}`)
      return answer
    },
    async close() {
      stdin.end()
      await ended
    },
  }
}
