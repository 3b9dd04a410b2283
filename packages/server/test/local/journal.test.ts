import { appendFile, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MemoryLevel } from 'memory-level'
import { expect, onTestFinished, test, vi } from 'vitest'

import { JournalLevel } from '../../src/local/dynamodb/journal-level.ts'
import { temporaryFolder } from './fixture.ts'

type Level = MemoryLevel<string, string>

async function openLevel(folder: string, { minSize = 1e6 } = {}): Promise<Level> {
  const options = { minSize, keyEncoding: 'utf8', valueEncoding: 'json' }
  const level = new JournalLevel(folder, options) as unknown as Level
  await level.open()
  onTestFinished(() => level.close())
  return level
}

const contentOf = async (level: Level) => Object.fromEntries(await level.iterator().all())

test('holds every change when it is opened again, in the order of the changes', async () => {
  const folder = await temporaryFolder()
  const first = await openLevel(folder)
  await first.put('a', '1')
  await first.batch([
    { type: 'put', key: 'b', value: '2' },
    { type: 'del', key: 'a' },
  ])
  await Promise.all(['1', '2', '3'].map(value => first.put('c', value)))
  await first.close()
  expect(await contentOf(await openLevel(folder))).toEqual({ b: '2', c: '3' })
})

test('cuts off what a crash left, at each byte, and loses nothing before it', async () => {
  const folder = await temporaryFolder()
  const level = await openLevel(folder)
  await level.put('a', '1')
  const { size } = await stat(join(folder, 'journal'))
  await level.batch([
    { type: 'put', key: 'b', value: '2' },
    { type: 'put', key: 'c', value: '3' },
  ])
  await level.close()
  const complete = await readFile(join(folder, 'journal'))
  vi.spyOn(console, 'error').mockImplementation(() => {})

  for (let end = size; end < complete.length; end++) {
    await writeFile(join(folder, 'journal'), complete.subarray(0, end))
    const cut = await openLevel(folder)
    expect(await contentOf(cut)).toEqual({ a: '1' })
    await cut.put('d', '4')
    await cut.close()
    const again = await openLevel(folder)
    expect(await contentOf(again)).toEqual({ a: '1', d: '4' })
    await again.close()
  }
})

test('takes nothing of a record whose bytes did not all reach the disk', async () => {
  const folder = await temporaryFolder()
  const level = await openLevel(folder)
  await level.put('a', '1')
  const { size } = await stat(join(folder, 'journal'))
  await level.put('b', '2')
  await level.close()
  const journal = await readFile(join(folder, 'journal'))
  journal.fill(0, size + 10)
  await writeFile(join(folder, 'journal'), journal)
  const report = vi.spyOn(console, 'error').mockImplementation(() => {})

  expect(await contentOf(await openLevel(folder))).toEqual({ a: '1' })
  expect(report).toHaveBeenCalledWith(expect.stringContaining('cut off'))
})

test('stays small when the same keys are written again', async () => {
  const folder = await temporaryFolder()
  const level = await openLevel(folder, { minSize: 4_096 })
  for (let round = 0; round < 200; round++)
    await level.put(`key ${round % 3}`, String(round).padStart(100, '0'))
  expect((await stat(join(folder, 'journal'))).size).toBeLessThan(5_000)
  const content = await contentOf(level)
  await level.close()
  expect(await contentOf(await openLevel(folder))).toEqual(content)
})

test('ignores a rewrite that did not come to its end', async () => {
  const folder = await temporaryFolder()
  const level = await openLevel(folder)
  await level.put('a', '1')
  await level.close()
  await writeFile(join(folder, 'journal.new'), 'half')
  expect(await contentOf(await openLevel(folder))).toEqual({ a: '1' })
})

test('refuses a file that is not its own, and leaves it as it is', async () => {
  const folder = await temporaryFolder()
  await appendFile(join(folder, 'journal'), 'the journal of another program, or of a later version')
  await expect(openLevel(folder)).rejects.toThrow()
  expect(await readFile(join(folder, 'journal'), 'utf8')).toMatch(/^the journal of another/)
})

test('opens a long journal with a few copies of its bytes, not one for each record', async () => {
  const folder = await temporaryFolder()
  const level = await openLevel(folder)
  await Promise.all(Array.from({ length: 2_000 }, (_, key) => level.put(`key ${key}`, 'value')))
  await level.close()
  const { size } = await stat(join(folder, 'journal'))

  let copied = 0
  const { from, concat } = Buffer
  vi.spyOn(Buffer, 'from').mockImplementation(((data: Buffer, ...rest: []) => {
    copied += data.length
    return from(data, ...rest)
  }) as typeof from)
  vi.spyOn(Buffer, 'concat').mockImplementation((list, ...rest) => {
    copied += list.reduce((sum, it) => sum + it.length, 0)
    return concat(list, ...rest)
  })
  const again = await openLevel(folder)
  vi.restoreAllMocks()
  expect(await again.get('key 1999')).toBe('value')
  expect(copied).toBeLessThan(4 * size)
})

test('acknowledges no write that may be lost, where a rewrite fails after the new file has its name', async () => {
  const folder = await temporaryFolder()
  const handle = await open(join(folder, 'any'), 'w')
  const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync')
  await handle.close()
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const level = await openLevel(folder, { minSize: 1 })
  sync.mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error('EIO'))

  await level.put('before', '1')
  await expect(level.put('after', '2')).rejects.toThrow()
  await level.close()
  vi.restoreAllMocks()
  expect(await contentOf(await openLevel(folder))).toEqual({ before: '1' })
})
