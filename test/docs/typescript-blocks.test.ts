import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { type Block, pages, root } from './markdown.ts'
import { fileOf, writeBlocks } from './typescript.ts'

const blocks = pages().flatMap(page => page.blocks.filter(({ language }) => language === 'ts'))

test('every TypeScript block of the pages compiles under strict', async () => {
  expect(blocks.length).toBeGreaterThan(10)
  const folder = await writeBlocks(blocks)
  const tsc = `${root}node_modules/typescript/bin/tsc`
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  expect(stdout.split('\n').filter(Boolean).map(inPage)).toEqual([])
}, 180_000)

/** A message of the compiler with the line of the page in the place of the line of the file. */
function inPage(message: string): string {
  const [, name = '', line = '', rest = ''] = /(\w[\w.-]*)\((\d+),\d+\): (.*)/.exec(message) ?? []
  const block = blocks.find(it => fileOf(it) === name)
  if (!block) return message
  const [page = ''] = block.place.split(':')
  return `${page}:${block.firstLine + Number(line) - 1 - contextLines(block)}: ${rest}`
}

const contextLines = ({ comment = '' }: Block) =>
  comment.startsWith('context:') ? comment.split('\n').length : 0

test('every TypeScript block of a page for newcomers stands alone', () => {
  const readme = readFileSync(`${root}README.md`, 'utf8')
  expect(readme).not.toContain('<!-- context')
})
