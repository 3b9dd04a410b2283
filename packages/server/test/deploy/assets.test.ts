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

test('the same files make the same bytes, whatever their times are', () => {
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

test('a bundle sorts its files by name', () => {
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

test('changed content or a changed file name changes the key', () => {
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

test('every user can read the files that Lambda unpacks', () => {
  const { zip } = bundle('F', folder([['parts/a.mjs', 'a']]))
  expect(Object.keys(unzipSync(zip))).toEqual(['parts/a.mjs'])
  // The external attributes are 38 bytes after the signature of the central directory.
  const bytes = Buffer.from(zip)
  const entry = bytes.indexOf(Buffer.from('PK\x01\x02'))
  expect((bytes.readUInt32LE(entry + 38) >>> 16) & 0o777).toBe(0o644)
  expect(bytes.readUInt8(entry + 5), 'made on Unix, so that these attributes count').toBe(3)
})

test('this package holds the template and the code of its functions', () => {
  const { template, bundles } = readAssets()
  expect(bundles.map(it => it.logicalId)).toEqual([
    'McpFunction',
    'RegistrationFunction',
    'ResourceFunction',
  ])
  for (const { zip } of bundles) expect(Object.keys(unzipSync(zip))).toContain('index.mjs')
  expect(Object.keys(template.parameters)).toContain('StackIdentifier')
})

test('the template with the longest code URIs fits into one request', () => {
  const { template, bundles } = readAssets()
  const codeUris = bundles.map(it => [it.logicalId, `s3://${'b'.repeat(63)}/${it.key}`])
  const text = template.withCode(Object.fromEntries(codeUris))
  expect(Buffer.byteLength(text)).toBeLessThan(MAX_TEMPLATE_BYTES)
})
