import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { expect, onTestFinished, test } from 'vitest'

import { bundle, readAssets } from '../../src/deploy/assets.ts'
import { MAX_TEMPLATE_BYTES } from '../../src/deploy/template.ts'

function folder(files: [path: string, content: string][]) {
  const path = mkdtempSync(join(tmpdir(), 'assets-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  for (const [name, content] of files) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return path
}

test('the same files make the same bytes, whenever they were written', () => {
  const one = folder([
    ['index.mjs', 'export {}'],
    ['parts/a.mjs', 'a'],
  ])
  const other = folder([
    ['parts/a.mjs', 'a'],
    ['index.mjs', 'export {}'],
  ])
  utimesSync(join(other, 'index.mjs'), 0, 1_000_000)
  expect(bundle('McpFunction', other)).toEqual(bundle('McpFunction', one))
})

test('the order is that of the names, and not that of a file system', () => {
  const { zip } = bundle(
    'F',
    folder([
      ['b.mjs', ''],
      ['a/z.mjs', ''],
      ['B.mjs', ''],
    ]),
  )
  expect(Object.keys(unzipSync(zip))).toEqual(['B.mjs', 'a/z.mjs', 'b.mjs'])
})

test('another content, and another name, make another key', () => {
  const keys = [
    [['index.mjs', '1']],
    [['index.mjs', '2']],
    [['index.js', '1']],
    [
      ['index.mjs', '1'],
      ['more.mjs', ''],
    ],
  ].map(files => bundle('F', folder(files as [string, string][])).key)
  expect(new Set(keys).size).toBe(4)
})

test('what is packed can be read by everybody, as Lambda unpacks it', () => {
  const { zip } = bundle('F', folder([['parts/a.mjs', 'a']]))
  expect(Object.keys(unzipSync(zip))).toEqual(['parts/a.mjs'])
  // The external attributes stand 38 bytes behind the signature of the central directory.
  const bytes = Buffer.from(zip)
  const entry = bytes.indexOf(Buffer.from('PK\x01\x02'))
  expect((bytes.readUInt32LE(entry + 38) >>> 16) & 0o777).toBe(0o644)
  expect(bytes.readUInt8(entry + 5), 'made on Unix, where these attributes count').toBe(3)
})

test('this package carries its template and the code of both functions', () => {
  const { template, bundles } = readAssets()
  expect(bundles.map(it => it.logicalId)).toEqual(['McpFunction', 'RegistrationFunction'])
  for (const { zip } of bundles) expect(Object.keys(unzipSync(zip))).toContain('index.mjs')
  expect(Object.keys(template.parameters)).toContain('StackIdentifier')
})

test('the template with the places of the code fits into a request', () => {
  const { template, bundles } = readAssets()
  const places = bundles.map(it => [it.logicalId, `s3://${'b'.repeat(63)}/${it.key}`])
  const text = template.withCode(Object.fromEntries(places))
  expect(Buffer.byteLength(text)).toBeLessThan(MAX_TEMPLATE_BYTES)
})
