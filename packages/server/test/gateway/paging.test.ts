import { expect, test } from 'vitest'

import { page, pageBytes } from '../../src/gateway/protocol/paging.ts'

const items = ['a', 'b', 'c', 'd', 'e'].map(name => ({ name, text: 'x'.repeat(100) }))
const size = JSON.stringify(items[0]).length

test('a page holds all items when they fit', () => {
  expect(page(items, undefined, pageBytes())).toEqual({ items })
})

test('pages have no gap and no overlap', () => {
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const next = page(items, cursor, 2 * size)
    seen.push(...next.items.map(it => it.name))
    cursor = 'nextCursor' in next ? next.nextCursor : undefined
  } while (cursor)
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('an item that is larger than a page gets a page of its own', () => {
  const first = page(items, undefined, 1)
  expect(first.items.map(it => it.name)).toEqual(['a'])
})

test('an item that is added between two pages does not shift the second page', () => {
  const first = page(items, undefined, 2 * size)
  const grown = [{ name: 'aa', text: '' }, ...items].sort((x, y) => (x.name < y.name ? -1 : 1))
  expect(page(grown, first.nextCursor, pageBytes()).items.map(it => it.name)).toEqual([
    'c',
    'd',
    'e',
  ])
})

test('a long list has no more pages than SDKs ask for', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => ({ name: String(n).padStart(4, '0') }))
  const seen: string[] = []
  let pages = 0
  let cursor: string | undefined
  do {
    const next = page(many, cursor, 1)
    pages += 1
    seen.push(...next.items.map(it => it.name))
    cursor = 'nextCursor' in next ? next.nextCursor : undefined
  } while (cursor)
  expect(pages).toBeLessThanOrEqual(64)
  expect(seen).toEqual(many.map(it => it.name))
})

test('refuses a cursor of another server', () => {
  expect(() => page(items, 'bm9wZQ', pageBytes())).toThrow(
    expect.objectContaining({ code: -32602 }),
  )
})

test('pages are shorter for the clients that ask for all of them', () => {
  expect(pageBytes('2026-07-28')).toBeLessThan(pageBytes('2025-11-25'))
  expect(pageBytes()).toBe(pageBytes('2025-11-25'))
})
