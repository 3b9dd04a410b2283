import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createCachedRegistry } from '../../src/registry/cached.ts'
import type { Key, Registry } from '../../src/registry/registry.ts'

// The registry here is the network's edge: a table that is slow or fails when the test says so.
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function table() {
  const state = {
    names: ['one'],
    revision: 1,
    reads: 0,
    gets: 0,
    marks: {} as Record<string, string>,
    updates: 0,
    asked: [] as string[][],
    failing: false,
    hanging: false,
    /** What of the above holds for updates alone. */
    marksFailing: false,
    marksAnswer: Promise.resolve(),
  }
  const answer = async <T>(value: T): Promise<T> => {
    if (state.hanging) await new Promise(() => {})
    if (state.failing) throw new Error('table not reachable')
    return value
  }
  const registry = {
    revision: () => {
      const { revision, updates } = state
      return answer({ registrations: String(revision), updates: String(updates) })
    },
    announced: async (uris: string[]) => {
      state.asked.push(uris)
      const marks = uris
        .filter(uri => state.marks[uri])
        .map(uri => [uri, state.marks[uri]] as const)
      await state.marksAnswer
      if (state.marksFailing) throw new Error('marks not reachable')
      return answer(new Map(marks))
    },
    async get({ name }: Key) {
      state.gets++
      const names = await answer([...state.names])
      return names.includes(name) ? { type: 'tool', name } : undefined
    },
    async *list() {
      state.reads++
      for (const name of await answer(state.names)) yield { type: 'tool', name } as Registration
    },
  } as unknown as Registry
  const announce = (uri: string) => {
    state.marks[uri] = `mark-${++state.updates}`
  }
  return { state, announce, catalogue: createCachedRegistry(registry) }
}

const namesIn = async (catalogue: ReturnType<typeof createCachedRegistry>) => [
  ...(await catalogue.snapshot()).tool.keys(),
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
  await catalogue.snapshot()
  state.names = ['two']
  vi.advanceTimersByTime(61_000)
  expect(await namesIn(catalogue)).toEqual(['two'])
})

test('a table that fails is answered for with what is known', async () => {
  const { state, catalogue } = table()
  await catalogue.snapshot()
  state.failing = true
  vi.advanceTimersByTime(2_000)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  expect(await namesIn(catalogue)).toEqual(['one'])
  expect(warn).toHaveBeenCalledOnce()
})

test('a table that does not answer is answered for within seconds', async () => {
  const { state, catalogue } = table()
  await catalogue.snapshot()
  state.hanging = true
  vi.advanceTimersByTime(2_000)
  const names = namesIn(catalogue)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(await names).toEqual(['one'])
})

test('a table that fails before anything is known is an error, not an empty list', async () => {
  const { state, catalogue } = table()
  state.failing = true
  await expect(catalogue.snapshot()).rejects.toThrow('not reachable')
  state.failing = false
  expect(await namesIn(catalogue)).toEqual(['one'])
})

test('many requests at once ask the table once', async () => {
  const { state, catalogue } = table()
  await Promise.all(Array.from({ length: 20 }, () => catalogue.snapshot()))
  expect(state.reads).toBe(1)
})

test('the marks of updates are asked for again when something was announced, and no sooner', async () => {
  const { state, announce, catalogue } = table()
  expect(await catalogue.updateTokens(['a', 'b'])).toEqual(new Map())
  vi.advanceTimersByTime(2_000)
  expect(await catalogue.updateTokens(['b', 'a'])).toEqual(new Map())
  expect(state.asked).toEqual([['a', 'b']])

  announce('a')
  expect(await catalogue.updateTokens(['a', 'b'])).toEqual(new Map())
  expect(await catalogue.updateTokens(['a', 'b'], 0)).toEqual(new Map([['a', 'mark-1']]))
  announce('b')
  vi.advanceTimersByTime(2_000)
  expect(await catalogue.updateTokens(['b'])).toEqual(new Map([['b', 'mark-2']]))
  expect(state.asked).toHaveLength(3)
})

test('a URI asked about for the first time is asked for alone', async () => {
  const { state, announce, catalogue } = table()
  announce('a')
  announce('b')
  await catalogue.updateTokens(['a'])
  expect(await catalogue.updateTokens(['a', 'b'])).toEqual(
    new Map([
      ['a', 'mark-1'],
      ['b', 'mark-2'],
    ]),
  )
  expect(state.asked).toEqual([['a'], ['b']])
})

test('an announcement makes nobody read the registrations again', async () => {
  const { state, announce, catalogue } = table()
  await catalogue.snapshot()
  announce('a')
  vi.advanceTimersByTime(2_000)
  await catalogue.updateTokens(['a'])
  await catalogue.snapshot()
  expect(state.reads).toBe(1)
})

test('the revision is the last one that was read, also where only an announcement changed it', async () => {
  const { announce, catalogue } = table()
  expect(await catalogue.version()).toEqual({ registrations: '1', updates: '0' })
  announce('a')
  expect((await catalogue.version()).updates).toBe('0')
  expect(await catalogue.version(0)).toEqual({ registrations: '1', updates: '1' })
})

test('an announcement is heard of though the registrations cannot be read', async () => {
  const { state, announce, catalogue } = table()
  await catalogue.updateTokens(['a'])
  Object.assign(state, { revision: 2, names: undefined })
  announce('a')
  vi.advanceTimersByTime(2_000)
  expect(await catalogue.updateTokens(['a'])).toEqual(new Map([['a', 'mark-1']]))
})

test('a table that fails is answered for with the marks that are known', async () => {
  const { state, announce, catalogue } = table()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  announce('a')
  const known = await catalogue.updateTokens(['a'])
  announce('a')
  for (const failure of [{ failing: true }, { failing: false, marksFailing: true }]) {
    Object.assign(state, failure)
    warn.mockClear()
    vi.advanceTimersByTime(2_000)
    expect(await catalogue.updateTokens(['a'])).toEqual(known)
    expect(warn).toHaveBeenCalledOnce()
  }
  // No mark is not the same as an unknown one.
  await expect(catalogue.updateTokens(['a', 'b'])).rejects.toThrow('not reachable')
  state.marksFailing = false
  expect(await catalogue.updateTokens(['a', 'b'])).toEqual(new Map([['a', 'mark-2']]))
})

test('a table that does not answer is answered for with the marks that are known, and asked once', async () => {
  const { state, announce, catalogue } = table()
  announce('a')
  const known = await catalogue.updateTokens(['a'])
  announce('a')
  state.marksAnswer = new Promise(() => {})
  const asked = state.asked.length
  for (let n = 0; n < 2; n++) {
    vi.advanceTimersByTime(2_000)
    const answer = catalogue.updateTokens(['a'])
    await vi.advanceTimersByTimeAsync(1_500)
    expect(await answer).toEqual(known)
  }
  expect(state.asked.length - asked).toBe(1)
})

test('what was asked before an announcement is asked again after it', async () => {
  const { state, announce, catalogue } = table()
  await catalogue.snapshot()
  let open = () => {}
  state.marksAnswer = new Promise(resolve => {
    open = resolve
  })
  const early = catalogue.updateTokens(['a'])
  await vi.waitFor(() => expect(state.asked).toHaveLength(1))
  announce('a')
  vi.advanceTimersByTime(2_000)
  const late = catalogue.updateTokens(['a'])
  await catalogue.snapshot()
  open()
  expect(await early).toEqual(new Map())
  expect(await late).toEqual(new Map([['a', 'mark-1']]))
})

test('marks are not kept without end', async () => {
  const { state, announce, catalogue } = table()
  announce('5')
  const uris = Array.from({ length: 10_001 }, (_, n) => String(n))
  expect(await catalogue.updateTokens(uris)).toEqual(new Map([['5', 'mark-1']]))
  expect(await catalogue.updateTokens(['5'])).toEqual(new Map([['5', 'mark-1']]))
  expect(state.asked).toHaveLength(1)
  vi.advanceTimersByTime(2_000)
  expect(await catalogue.updateTokens(['5'])).toEqual(new Map([['5', 'mark-1']]))
  expect(state.asked).toHaveLength(2)
})

test('one that is looked for is read alone, and once for each revision', async () => {
  const { state, catalogue } = table()
  expect(await catalogue.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(await catalogue.find('tool', 'two')).toBeUndefined()
  for (const impossible of ['', 'x'.repeat(2_000)])
    expect(await catalogue.find('tool', impossible)).toBeUndefined()
  vi.advanceTimersByTime(2_000)
  await catalogue.find('tool', 'one')
  expect(state).toMatchObject({ gets: 2, reads: 0 })
  Object.assign(state, { names: ['two'], revision: 2 })
  vi.advanceTimersByTime(2_000)
  expect(await catalogue.find('tool', 'one')).toBeUndefined()
  expect(await catalogue.find('tool', 'two')).toMatchObject({ name: 'two' })
  expect(state).toMatchObject({ gets: 4, reads: 0 })
})

test('one that is looked for is taken from all, where these are known', async () => {
  const { state, catalogue } = table()
  await catalogue.snapshot()
  expect(await catalogue.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(state).toMatchObject({ gets: 0, reads: 1 })
})

test('one that is looked for while the table fails is answered for with what is known of it', async () => {
  const { state, catalogue } = table()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await catalogue.find('tool', 'one')
  state.failing = true
  vi.advanceTimersByTime(61_000)
  expect(await catalogue.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(warn).toHaveBeenCalled()
  await expect(catalogue.find('tool', 'two')).rejects.toThrow('not reachable')
})
