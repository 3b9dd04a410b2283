import type { Registration, RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createCachedRegistry } from '../../src/registry/cached.ts'
import type { Key, Registry } from '../../src/registry/registry.ts'

// A fake registry, which is slow or fails when the test says so.
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
    version: 1,
    /** The version that an eventually consistent read finds, where it is behind. */
    olderVersion: undefined as number | undefined,
    /** The types whose registrations were read. */
    lists: [] as string[],
    gets: 0,
    tokens: {} as Record<string, string>,
    updates: 0,
    asked: [] as string[][],
    failing: false,
    hanging: false,
    /** A read of registrations waits for it. */
    listing: Promise.resolve(),
    /** The same for update tokens only. */
    tokensFailing: false,
    tokensRead: Promise.resolve(),
  }
  const respond = async <T>(value: T): Promise<T> => {
    if (state.hanging) await new Promise(() => {})
    if (state.failing) throw new Error('table not reachable')
    return value
  }
  const fake = {
    version: ({ isConsistent = true } = {}) => {
      const { version, olderVersion, updates } = state
      const found = isConsistent ? version : (olderVersion ?? version)
      return respond({ registrations: String(found), updates: String(updates) })
    },
    updateTokens: async (uris: string[]) => {
      state.asked.push(uris)
      const tokens = uris
        .filter(uri => state.tokens[uri])
        .map(uri => [uri, state.tokens[uri]] as const)
      await state.tokensRead
      if (state.tokensFailing) throw new Error('tokens not reachable')
      return respond(new Map(tokens))
    },
    changesSince: async () => undefined,
    async get({ name }: Key) {
      state.gets++
      const names = await respond([...state.names])
      return names.includes(name) ? { type: 'tool', name } : undefined
    },
    async *list({ type }: { type?: RegistrationType } = {}) {
      state.lists.push(type ?? 'all')
      await state.listing
      const names = await respond(state.names)
      if ((type ?? 'tool') === 'tool')
        for (const name of names) yield { type: 'tool', name } as Registration
    },
  } as unknown as Registry
  const announce = (uri: string) => {
    state.tokens[uri] = `token-${++state.updates}`
  }
  return { state, announce, registry: createCachedRegistry(fake) }
}

const namesIn = async (registry: ReturnType<typeof createCachedRegistry>) => [
  ...(await registry.snapshot()).tool.keys(),
]

test('registrations are read again only when the registry version changes', async () => {
  const { state, registry } = table()
  expect(await namesIn(registry)).toEqual(['one'])
  vi.advanceTimersByTime(2_000)
  expect(await namesIn(registry)).toEqual(['one'])
  expect(state.lists).toEqual(['all'])
  Object.assign(state, { names: ['one', 'two'], version: 2 })
  vi.advanceTimersByTime(2_000)
  expect(await namesIn(registry)).toEqual(['one', 'two'])
})

test('an eventually consistent read that is behind changes nothing', async () => {
  const { state, registry } = table()
  state.olderVersion = 0
  expect((await registry.version()).registrations).toBe('1')
  for (const wait of [500, 2_000]) {
    vi.advanceTimersByTime(wait)
    expect((await registry.version()).registrations).toBe('1')
    await registry.follow(0)
    expect((await registry.version(Number.POSITIVE_INFINITY)).registrations).toBe('1')
  }
  state.version = 2
  expect((await registry.version(0)).registrations).toBe('2')
})

test('a registry that was restored at a lower version is read', async () => {
  const { state, registry } = table()
  state.version = 5
  await registry.snapshot()
  Object.assign(state, { names: ['restored'], version: 3 })
  vi.advanceTimersByTime(2_000)
  expect(await namesIn(registry)).toEqual(['restored'])
})

test('a change that was not counted is seen within a minute', async () => {
  const { state, registry } = table()
  await registry.snapshot()
  state.names = ['two']
  vi.advanceTimersByTime(61_000)
  expect(await namesIn(registry)).toEqual(['two'])
})

test('cached registrations are used while the table fails', async () => {
  const { state, registry } = table()
  await registry.snapshot()
  state.failing = true
  vi.advanceTimersByTime(2_000)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  expect(await namesIn(registry)).toEqual(['one'])
  expect(warn).toHaveBeenCalledOnce()
})

test('cached registrations are used when the table does not respond within a second', async () => {
  const { state, registry } = table()
  await registry.snapshot()
  state.hanging = true
  vi.advanceTimersByTime(2_000)
  const names = namesIn(registry)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(await names).toEqual(['one'])
})

test('a table that fails before the first read is an error, not an empty list', async () => {
  const { state, registry } = table()
  state.failing = true
  await expect(registry.snapshot()).rejects.toThrow('not reachable')
  state.failing = false
  expect(await namesIn(registry)).toEqual(['one'])
})

test.each(['snapshot', 'list'] as const)(
  'the first request gets its %s, also where another one has found a newer version meanwhile',
  async what => {
    const { state, registry } = table()
    const read = () => (what === 'list' ? registry.list('tool') : registry.snapshot())
    let release = () => {}
    state.listing = new Promise(resolve => {
      release = resolve
    })
    const first = read()
    await vi.advanceTimersByTimeAsync(1_100)
    state.version = 2
    state.listing = new Promise(() => {})
    const second = read()
    second.catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    expect(state.lists).toHaveLength(2)
    release()
    expect(await first).toBeDefined()
  },
)

test('many requests at once read the table once', async () => {
  const { state, registry } = table()
  await Promise.all(Array.from({ length: 20 }, () => registry.snapshot()))
  expect(state.lists).toEqual(['all'])
})

test('update tokens are read again only after a resource update', async () => {
  const { state, announce, registry } = table()
  expect(await registry.updateTokens(['a', 'b'])).toEqual(new Map())
  vi.advanceTimersByTime(2_000)
  expect(await registry.updateTokens(['b', 'a'])).toEqual(new Map())
  expect(state.asked).toEqual([['a', 'b']])

  announce('a')
  expect(await registry.updateTokens(['a', 'b'])).toEqual(new Map())
  expect(await registry.updateTokens(['a', 'b'], 0)).toEqual(new Map([['a', 'token-1']]))
  announce('b')
  vi.advanceTimersByTime(2_000)
  expect(await registry.updateTokens(['b'])).toEqual(new Map([['b', 'token-2']]))
  expect(state.asked).toHaveLength(3)
})

test('only the URIs without a cached token are read', async () => {
  const { state, announce, registry } = table()
  announce('a')
  announce('b')
  await registry.updateTokens(['a'])
  expect(await registry.updateTokens(['a', 'b'])).toEqual(
    new Map([
      ['a', 'token-1'],
      ['b', 'token-2'],
    ]),
  )
  expect(state.asked).toEqual([['a'], ['b']])
})

test('a resource update does not make the registrations be read again', async () => {
  const { state, announce, registry } = table()
  await registry.snapshot()
  announce('a')
  vi.advanceTimersByTime(2_000)
  await registry.updateTokens(['a'])
  await registry.snapshot()
  expect(state.lists).toEqual(['all'])
})

test('the registry version is the newest that was read, also when only a resource was updated', async () => {
  const { announce, registry } = table()
  expect(await registry.version()).toEqual({ registrations: '1', updates: '0' })
  announce('a')
  expect((await registry.version()).updates).toBe('0')
  expect(await registry.version(0)).toEqual({ registrations: '1', updates: '1' })
})

test('a resource update is seen while the registrations cannot be read', async () => {
  const { state, announce, registry } = table()
  await registry.updateTokens(['a'])
  Object.assign(state, { version: 2, names: undefined })
  announce('a')
  vi.advanceTimersByTime(2_000)
  expect(await registry.updateTokens(['a'])).toEqual(new Map([['a', 'token-1']]))
})

test('cached update tokens are used while the table fails', async () => {
  const { state, announce, registry } = table()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  announce('a')
  const known = await registry.updateTokens(['a'])
  announce('a')
  for (const failure of [{ failing: true }, { failing: false, tokensFailing: true }]) {
    Object.assign(state, failure)
    warn.mockClear()
    vi.advanceTimersByTime(2_000)
    expect(await registry.updateTokens(['a'])).toEqual(known)
    expect(warn).toHaveBeenCalledOnce()
  }
  // A URI whose token was never read is an error, not a URI without updates.
  await expect(registry.updateTokens(['a', 'b'])).rejects.toThrow('not reachable')
  state.tokensFailing = false
  expect(await registry.updateTokens(['a', 'b'])).toEqual(new Map([['a', 'token-2']]))
})

test('cached update tokens are used while the table does not respond, with one read at a time', async () => {
  const { state, announce, registry } = table()
  announce('a')
  const known = await registry.updateTokens(['a'])
  announce('a')
  state.tokensRead = new Promise(() => {})
  const asked = state.asked.length
  for (let n = 0; n < 2; n++) {
    vi.advanceTimersByTime(2_000)
    const tokens = registry.updateTokens(['a'])
    await vi.advanceTimersByTimeAsync(1_500)
    expect(await tokens).toEqual(known)
  }
  expect(state.asked.length - asked).toBe(1)
})

test('tokens whose read began before a resource update are read again after it', async () => {
  const { state, announce, registry } = table()
  await registry.snapshot()
  let open = () => {}
  state.tokensRead = new Promise(resolve => {
    open = resolve
  })
  const early = registry.updateTokens(['a'])
  await vi.waitFor(() => expect(state.asked).toHaveLength(1))
  announce('a')
  vi.advanceTimersByTime(2_000)
  const late = registry.updateTokens(['a'])
  await registry.snapshot()
  open()
  expect(await early).toEqual(new Map())
  expect(await late).toEqual(new Map([['a', 'token-1']]))
})

test('the cache of update tokens has a limit', async () => {
  const { state, announce, registry } = table()
  announce('5')
  const uris = Array.from({ length: 10_001 }, (_, n) => String(n))
  expect(await registry.updateTokens(uris)).toEqual(new Map([['5', 'token-1']]))
  expect(await registry.updateTokens(['5'])).toEqual(new Map([['5', 'token-1']]))
  expect(state.asked).toHaveLength(1)
  vi.advanceTimersByTime(2_000)
  expect(await registry.updateTokens(['5'])).toEqual(new Map([['5', 'token-1']]))
  expect(state.asked).toHaveLength(2)
})

test('a registration is read alone, and once per registry version', async () => {
  const { state, registry } = table()
  expect(await registry.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(await registry.find('tool', 'two')).toBeUndefined()
  for (const impossible of ['', 'x'.repeat(2_000)])
    expect(await registry.find('tool', impossible)).toBeUndefined()
  vi.advanceTimersByTime(2_000)
  await registry.find('tool', 'one')
  expect(state).toMatchObject({ gets: 2, lists: [] })
  Object.assign(state, { names: ['two'], version: 2 })
  vi.advanceTimersByTime(2_000)
  expect(await registry.find('tool', 'one')).toBeUndefined()
  expect(await registry.find('tool', 'two')).toMatchObject({ name: 'two' })
  expect(state).toMatchObject({ gets: 4, lists: [] })
})

test('a registration is found in the snapshot where there is one', async () => {
  const { state, registry } = table()
  await registry.snapshot()
  expect(await registry.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(state).toMatchObject({ gets: 0, lists: ['all'] })
})

test('a cached registration is used while the table fails', async () => {
  const { state, registry } = table()
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await registry.find('tool', 'one')
  state.failing = true
  vi.advanceTimersByTime(61_000)
  expect(await registry.find('tool', 'one')).toMatchObject({ name: 'one' })
  expect(warn).toHaveBeenCalled()
  await expect(registry.find('tool', 'two')).rejects.toThrow('not reachable')
})

test('a list reads the registrations of its type, and is the same until one changes', async () => {
  const { state, registry } = table()
  const tools = await registry.list('tool')
  expect([...tools.keys()]).toEqual(['one'])
  expect((await registry.list('prompt')).size).toBe(0)
  vi.advanceTimersByTime(2_000)
  expect(await registry.list('tool')).toBe(tools)
  expect(await registry.find('tool', 'one')).toBe(tools.get('one'))
  expect(state).toMatchObject({ gets: 0, lists: ['tool', 'prompt'] })

  Object.assign(state, { names: ['two'], version: 2 })
  vi.advanceTimersByTime(2_000)
  expect([...(await registry.list('tool')).keys()]).toEqual(['two'])
  expect(state.lists).toEqual(['tool', 'prompt', 'tool'])
})

test('a list is that of the snapshot where there is one', async () => {
  const { state, registry } = table()
  const snapshot = await registry.snapshot()
  expect(await registry.list('tool')).toBe(snapshot.tool)
  expect(state.lists).toEqual(['all'])
})

test('the registry version is that of a cached list while the list cannot be read again', async () => {
  const { state, registry } = table()
  await registry.list('tool')
  Object.assign(state, { names: undefined, version: 2 })
  vi.advanceTimersByTime(2_000)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  expect((await registry.version()).registrations).toBe('1')
  expect(warn).toHaveBeenCalled()
})
