import type { Registration, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, onTestFinished, test, vi } from 'vitest'

import type { Registry } from '../../src/registry/registry.ts'

export const tool = (name: string, over: Partial<Tool> = {}): Tool => ({
  id: `tool-${name}`,
  type: 'tool',
  name,
  version: 1,
  lambdaArn: `arn:aws:lambda:us-east-1:000000000000:function:anything`,
  // An order that sorting would change, and a depth that a DynamoDB map does not hold.
  inputSchema: { type: 'object', properties: { z: {}, a: nested(60) } },
  contract: 'arguments',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  createdBy: 'arn:aws:iam::000000000000:user/dev',
  ...over,
})

function nested(depth: number): object {
  return depth === 0 ? {} : { items: nested(depth - 1) }
}

// Without the fields that only tools have.
const { inputSchema: _, outputSchema: __, annotations: ___, ...common } = tool('')

const prompt = (name: string): Registration => ({
  ...common,
  id: `prompt-${name}`,
  type: 'prompt',
  name,
})

const resource = (name: string): Registration => ({
  ...common,
  id: `resource-${name}`,
  type: 'resource',
  name,
  uri: 'notes://today',
})

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

/** What every registry promises. `make` gives two views of one empty registry. */
export function registrySuite(make: () => Promise<[Registry, Registry]>) {
  test('a registration comes back as it was written, with its keys in order', async () => {
    const [registry] = await make()
    expect(await registry.create(tool('a'))).toBe(true)
    expect(JSON.stringify(await registry.get({ type: 'tool', name: 'a' }))).toBe(
      JSON.stringify(tool('a')),
    )
  })

  test('tells whether a registration has the contract mcp', async () => {
    const [registry, other] = await make()
    expect(await other.usesMcpContract()).toBe(false)
    await registry.create(tool('plain'))
    expect(await other.usesMcpContract()).toBe(false)
    await registry.create(tool('a', { contract: 'mcp' }))
    await registry.create(tool('b', { contract: 'mcp' }))
    // A write that is refused leaves nothing.
    expect(await registry.create(tool('a'))).toBe(false)
    expect(await registry.create(tool('plain', { contract: 'mcp' }))).toBe(false)
    expect(await registry.replace(tool('a', { version: 2 }), 1)).toBe(true)
    expect(await other.usesMcpContract()).toBe(true)
    expect(await registry.remove({ type: 'tool', name: 'plain' }, 1)).toBe(true)
    expect(await other.usesMcpContract()).toBe(true)
    expect(await registry.remove({ type: 'tool', name: 'b' }, 1)).toBe(true)
    expect(await other.usesMcpContract()).toBe(false)
  })

  test('a registration that was never written is unknown', async () => {
    const [registry] = await make()
    expect(await registry.get({ type: 'tool', name: 'a' })).toBeUndefined()
    expect(await registry.replace(tool('a', { version: 2 }), 1)).toBe(false)
    expect(await registry.remove({ type: 'tool', name: 'a' }, 1)).toBe(false)
    expect(await all(registry.list())).toEqual([])
  })

  test('an existing registration is not created again', async () => {
    const [registry] = await make()
    await registry.create(tool('a'))
    expect(await registry.create(tool('a', { description: 'other' }))).toBe(false)
    expect(await registry.get({ type: 'tool', name: 'a' })).toEqual(tool('a'))
  })

  test('an old version can be neither replaced nor removed', async () => {
    const [registry] = await make()
    await registry.create(tool('a'))
    expect(await registry.replace(tool('a', { version: 2 }), 1)).toBe(true)
    expect(await registry.replace(tool('a', { version: 2 }), 1)).toBe(false)
    expect(await registry.remove({ type: 'tool', name: 'a' }, 1)).toBe(false)
    expect(await registry.remove({ type: 'tool', name: 'a' }, 2)).toBe(true)
    expect(await registry.get({ type: 'tool', name: 'a' })).toBeUndefined()
  })

  test('exactly one of many concurrent writers creates, replaces, removes', async () => {
    const views = await make()
    const race = async (write: (registry: Registry, writer: number) => Promise<boolean>) => {
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, n) => write(views[n % 2 ? 1 : 0], n)),
      )
      return won.filter(Boolean).length
    }
    const by = (writer: number) => ({ description: String(writer) })
    expect(await race((registry, n) => registry.create(tool('a', by(n))))).toBe(1)
    expect(
      await race((registry, n) => registry.replace(tool('a', { version: 2, ...by(n) }), 1)),
    ).toBe(1)
    expect(await race(registry => registry.remove({ type: 'tool', name: 'a' }, 2))).toBe(1)
  })

  test('the list is sorted by type and name and starts after any place in it', async () => {
    const [registry] = await make()
    const sorted = [tool('B'), tool('a'), tool('a.b'), resource('a'), prompt('a'), prompt('b')]
    for (const it of sorted.toReversed()) await registry.create(it)
    const ids = async (options?: Parameters<Registry['list']>[0]) =>
      (await all(registry.list(options))).map(({ id }) => id)

    const expected = sorted.map(({ id }) => id)
    expect(await ids()).toEqual(expected)
    for (const [n, after] of sorted.entries())
      expect(await ids({ after })).toEqual(expected.slice(n + 1))
    expect(await ids({ type: 'prompt' })).toEqual(['prompt-a', 'prompt-b'])
    expect(await ids({ type: 'prompt', after: prompt('a') })).toEqual(['prompt-b'])
    expect(await ids({ after: { type: 'tool', name: 'a.a' } })).toEqual(expected.slice(2))
  })

  test('the list ends at its limit', async () => {
    const [registry] = await make()
    const sorted = [tool('a'), tool('b'), tool('c'), resource('a'), prompt('a'), prompt('b')]
    for (const it of sorted) await registry.create(it)
    for (const limit of [1, 2, 3, 4, 6, 7]) {
      expect(await all(registry.list({ limit }))).toEqual(sorted.slice(0, limit))
      expect(await all(registry.list({ limit, after: tool('b') }))).toEqual(
        sorted.slice(2, 2 + limit),
      )
    }
    expect(await all(registry.list({ type: 'prompt', limit: 1 }))).toEqual([prompt('a')])
  })

  test('a function is used from its first registration to its last', async () => {
    const [registry, other] = await make()
    const [f, g] = [`${common.lambdaArn}:f`, `${common.lambdaArn}:g`]
    const used = async () => Promise.all([f, g, common.lambdaArn].map(it => other.isUsed(it)))
    expect(await used()).toEqual([false, false, false])
    await registry.create(tool('a', { lambdaArn: f }))
    await other.create({ ...prompt('a'), lambdaArn: f })
    expect(await used()).toEqual([true, false, false])
    await registry.replace(tool('a', { lambdaArn: g, version: 2 }), 1)
    expect(await used()).toEqual([true, true, false])
    await registry.remove({ type: 'prompt', name: 'a' }, 1)
    expect(await used()).toEqual([false, true, false])
    await registry.replace(tool('a', { lambdaArn: g, version: 3 }), 2)
    await registry.recordFunction(tool('a', { lambdaArn: g, version: 3 }))
    expect(await used()).toEqual([false, true, false])
    await registry.remove({ type: 'tool', name: 'a' }, 3)
    expect(await used()).toEqual([false, false, false])
  })

  test('a refused write leaves the functions as they are', async () => {
    const [registry, other] = await make()
    const [f, g] = [`${common.lambdaArn}:f`, `${common.lambdaArn}:g`]
    await registry.create(tool('a', { lambdaArn: f }))
    expect(await other.create(tool('a', { lambdaArn: g }))).toBe(false)
    expect(await other.replace(tool('a', { lambdaArn: g, version: 6 }), 5)).toBe(false)
    expect(await other.remove({ type: 'tool', name: 'a' }, 5)).toBe(false)
    expect([await registry.isUsed(f), await registry.isUsed(g)]).toEqual([true, false])
  })

  test('a function is used while one of many concurrent writers has it', async () => {
    const views = await make()
    const arn = (n: number) => `${common.lambdaArn}:v${n % 4}`
    const move = async (n: number) => {
      const registry = views[n % 2 ? 1 : 0]
      const key = { type: 'tool', name: `n${n % 3}` } as const
      const current = await registry.get(key)
      const version = current?.version ?? 0
      const next = tool(key.name, { version: version + 1, lambdaArn: arn(n), description: `${n}` })
      if (!current) await registry.create(next)
      else if (n % 5 === 0) await registry.remove(key, version)
      else await registry.replace(next, version)
    }
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 12 }, (_, n) => move(round * 7 + n)))
      const stored = new Set((await all(views[0].list())).map(it => it.lambdaArn))
      for (let n = 0; n < 4; n++) expect(await views[1].isUsed(arn(n))).toBe(stored.has(arn(n)))
    }
  })

  test('the list is complete when it takes many pages', async () => {
    const [registry] = await make()
    const names = Array.from({ length: 12 }, (_, n) => `t${String(n).padStart(2, '0')}`)
    for (const name of names)
      await registry.create(tool(name, { description: 'x'.repeat(300_000) }))
    expect((await all(registry.list())).map(({ name }) => name)).toEqual(names)
  })

  test('every change changes the registry version for all readers before the write resolves', async () => {
    const [registry, other] = await make()
    const { updates } = await other.version()
    const registrations = async () => (await other.version()).registrations
    const seen = [await registrations()]
    await registry.create(tool('a'))
    seen.push(await registrations())
    await registry.replace(tool('a', { version: 2 }), 1)
    seen.push(await registrations())
    await registry.remove({ type: 'tool', name: 'a' }, 2)
    seen.push(await registrations())
    expect(new Set(seen).size).toBe(4)
    expect(await other.version()).toEqual({ registrations: seen[3], updates })
  })

  test('a resource update has a token for all readers before the announcement resolves', async () => {
    const [registry, other] = await make()
    await registry.create(resource('a'))
    const before = await other.version()
    const [uri, unread] = ['notes://today', 'notes://tomorrow']
    expect(await other.updateTokens([uri, unread])).toEqual(new Map())

    await registry.announceUpdate(uri)
    const first = await other.updateTokens([uri, unread])
    expect([...first.keys()]).toEqual([uri])
    const after = await other.version()
    expect(after.updates).not.toBe(before.updates)
    expect(after.registrations).toBe(before.registrations)
    expect(await other.updateTokens([unread, uri])).toEqual(first)

    expect(await all(other.list())).toEqual([resource('a')])
    expect(await other.updateTokens([])).toEqual(new Map())
  })

  test('every resource update has a new token and a new registry version', async () => {
    const [registry, other] = await make()
    const tokens: (string | undefined)[] = []
    const versions: string[] = []
    for (const [n, view] of [registry, other, registry, other].entries()) {
      const uri = `notes://${Math.floor(n / 3)}`
      await view.announceUpdate(uri)
      tokens.push((await registry.updateTokens([uri])).get(uri))
      versions.push((await registry.version()).updates)
    }
    expect(tokens).toEqual(tokens.map(() => expect.any(String)))
    expect(new Set(tokens).size).toBe(4)
    expect(new Set(versions).size).toBe(4)
  })

  test('an update token is kept for one day', async () => {
    const [registry, other] = await make()
    onTestFinished(() => {
      vi.useRealTimers()
    })
    await registry.announceUpdate('notes://today')
    const now = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: now + 24 * 3_600_000 - 60_000 })
    expect((await other.updateTokens(['notes://today'])).size).toBe(1)
    vi.setSystemTime(now + 24 * 3_600_000 + 1_000)
    expect((await other.updateTokens(['notes://today'])).size).toBe(0)
    await registry.announceUpdate('notes://today')
    expect((await other.updateTokens(['notes://today'])).size).toBe(1)
  })

  test('many long URIs can be read at once, with duplicates', async () => {
    const [registry, other] = await make()
    const uris = Array.from({ length: 250 }, (_, n) => `notes://${'é'.repeat(2_000)}/${n}`)
    const some = uris.filter((_, n) => n % 10 === 0)
    await Promise.all(some.map(uri => registry.announceUpdate(uri)))
    const tokens = await other.updateTokens(uris.flatMap(uri => [uri, uri]))
    expect([...tokens.keys()].toSorted()).toEqual(some.toSorted())
    expect(new Set(tokens.values()).size).toBe(25)
  })
}
