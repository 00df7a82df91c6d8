import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { zipOf } from './zip.ts'

const READ_ALL =
  'import sys,json,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps({n:z.read(n).decode() for n in z.namelist()}))'

test('another program reads back what was packed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-zip-'))
  try {
    const file = join(folder, 'x.jar')
    const entries = [
      { path: 'META-INF/services/a.B', content: 'c.D\n' },
      { path: 'empty', content: '' },
    ]
    writeFileSync(file, zipOf(entries))
    const read: unknown = JSON.parse(execFileSync('python3', ['-c', READ_ALL, file], { encoding: 'utf8' }))
    expect(read).toEqual({ 'META-INF/services/a.B': 'c.D\n', empty: '' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
