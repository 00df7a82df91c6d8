import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

export interface ArchivedFile {
  readonly name: string
  readonly content: string | Uint8Array
}

/** A gzipped tar of files in a folder of their own. The same files make the same bytes. */
export async function archiveOf(folder: string, files: readonly ArchivedFile[], atMs: number): Promise<Buffer> {
  const tar = pack()
  for (const { name, content } of files)
    tar.entry(
      { name: `${folder}/${name}`, mtime: new Date(atMs), mode: 0o644 },
      typeof content === 'string' ? content : Buffer.from(content),
    )
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk)
  return gzipSync(Buffer.concat(chunks))
}
