import { expect, test } from 'vitest'

import { page } from '../../src/gateway/protocol/paging.ts'

const items = ['a', 'b', 'c', 'd', 'e'].map(name => ({ name, text: 'x'.repeat(100) }))
const size = JSON.stringify(items[0]).length

test('a page holds everything when it fits', () => {
  expect(page(items, undefined)).toEqual({ items })
})

test('pages follow each other without a gap or an overlap', () => {
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const next = page(items, cursor, 2 * size)
    seen.push(...next.items.map(it => it.name))
    cursor = 'nextCursor' in next ? next.nextCursor : undefined
  } while (cursor)
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('an item larger than a page goes alone', () => {
  const first = page(items, undefined, 1)
  expect(first.items.map(it => it.name)).toEqual(['a'])
})

test('what is registered between two pages shifts nothing', () => {
  const first = page(items, undefined, 2 * size)
  const grown = [{ name: 'aa', text: '' }, ...items].sort((x, y) => (x.name < y.name ? -1 : 1))
  expect(page(grown, first.nextCursor).items.map(it => it.name)).toEqual(['c', 'd', 'e'])
})

test('a cursor of somebody else is refused', () => {
  expect(() => page(items, 'bm9wZQ')).toThrow(expect.objectContaining({ code: -32602 }))
})
