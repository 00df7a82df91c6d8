import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, 'browser')
const files = readdirSync(folder)
const read = (file: string) => readFileSync(join(folder, file), 'utf8')
const scripts = files.filter((file) => file.endsWith('.js'))

test('the browser’s modules agree with the types of what they are sent', async () => {
  const tsc = join(import.meta.dirname, '../../../node_modules/typescript/bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch((error: unknown) => error as { stdout: string })
  expect(stdout).toBe('')
  expect(scripts.length).toBeGreaterThan(5)
})

test('nothing the page is made of asks another machine, and everything it names is there', () => {
  for (const file of files.filter((name) => !name.endsWith('.json'))) {
    const foreign = [...read(file).matchAll(/https?:\/\/[^\s'"]+/g)]
      .map(([url]) => url)
      .filter((url) => !url.startsWith('http://www.w3.org/'))
    expect(foreign, file).toEqual([])
  }
  const named = [...read('index.html').matchAll(/(?:href|src)="\/page\/([^"]+)"/g)].map(([, file]) => file ?? '')
  expect(named).toEqual(['icon.svg', 'page.css', 'main.js'])
  expect(named.filter((file) => !files.includes(file))).toEqual([])
  const ids = new Set([...read('index.html').matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id))
  const wanted = scripts.flatMap((file) => [...read(file).matchAll(/byId\('([^']+)'\)/g)].map(([, id]) => id))
  expect(wanted.length).toBeGreaterThan(10)
  expect(wanted.filter((id) => !ids.has(id))).toEqual([])
})

test('text goes into the page as text', () => {
  for (const file of scripts)
    expect(read(file), file).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/)
})
