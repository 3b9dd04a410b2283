import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/contract'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createCatalogue } from '../src/registry/catalogue.ts'
import type { Registry } from '../src/registry/registry.ts'

// The registry here is the network's edge: a table that is slow or fails when the test says so.
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function table() {
  const state = { names: ['one'], revision: 1, reads: 0, failing: false, hanging: false }
  const answer = async <T>(value: T): Promise<T> => {
    if (state.hanging) await new Promise(() => {})
    if (state.failing) throw new Error('table not reachable')
    return value
  }
  const registry = {
    revision: () => answer(String(state.revision)),
    async *list() {
      state.reads++
      for (const name of await answer(state.names)) yield { type: 'tool', name } as Registration
    },
  } as unknown as Registry
  return { state, catalogue: createCatalogue(registry) }
}

const namesIn = async (catalogue: ReturnType<typeof createCatalogue>) => [
  ...(await catalogue.current()).tool.keys(),
]

test('a change is seen when the revision changes, and nothing is read when it does not', async () => {
  const { state, catalogue } = table()
  expect(await namesIn(catalogue)).toEqual(['one'])
  vi.advanceTimersByTime(2_000)
  expect(await namesIn(catalogue)).toEqual(['one'])
  expect(state.reads).toBe(1)
  Object.assign(state, { names: ['one', 'two'], revision: 2 })
  vi.advanceTimersByTime(2_000)
  expect(await namesIn(catalogue)).toEqual(['one', 'two'])
})

test('a change whose revision was never written is seen within a minute', async () => {
  const { state, catalogue } = table()
  await catalogue.current()
  state.names = ['two']
  vi.advanceTimersByTime(61_000)
  expect(await namesIn(catalogue)).toEqual(['two'])
})

test('a table that fails is answered for with what is known', async () => {
  const { state, catalogue } = table()
  await catalogue.current()
  state.failing = true
  vi.advanceTimersByTime(2_000)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  expect(await namesIn(catalogue)).toEqual(['one'])
  expect(warn).toHaveBeenCalledOnce()
})

test('a table that does not answer is answered for within seconds', async () => {
  const { state, catalogue } = table()
  await catalogue.current()
  state.hanging = true
  vi.advanceTimersByTime(2_000)
  const names = namesIn(catalogue)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(await names).toEqual(['one'])
})

test('a table that fails before anything is known is an error, not an empty list', async () => {
  const { state, catalogue } = table()
  state.failing = true
  await expect(catalogue.current()).rejects.toThrow('not reachable')
  state.failing = false
  expect(await namesIn(catalogue)).toEqual(['one'])
})

test('many requests at once ask the table once', async () => {
  const { state, catalogue } = table()
  await Promise.all(Array.from({ length: 20 }, () => catalogue.current()))
  expect(state.reads).toBe(1)
})
