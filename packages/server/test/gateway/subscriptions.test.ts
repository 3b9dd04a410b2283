import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test, vi } from 'vitest'

import { createSubscriptions } from '../../src/gateway/protocol/subscriptions.ts'
import { changesFor } from '../../src/gateway/streamable/listen.ts'
import type { Caller } from '../../src/http/caller.ts'
import type { CachedRegistry } from '../../src/registry/cached.ts'

const caller: Caller = {
  arn: 'arn:aws:iam::000000000000:user/local',
  accountId: '000000000000',
  owner: '000000000000/AIDALOCAL',
}
const resource = (name: string, more: object) =>
  ({ name, version: 1, updatedAt: 'now', ...more }) as Resource

/** A registry with one resource, and the URIs whose update tokens were read from it. */
function registryOf() {
  const read: string[][] = []
  const snapshot = {
    tool: new Map(),
    resource: new Map([['known', resource('known', { uri: 'a://known' })]]),
    prompt: new Map(),
  }
  const registry: CachedRegistry = {
    list: async type => snapshot[type] as never,
    snapshot: async () => snapshot,
    follow: async () => snapshot,
    find: async () => undefined,
    usesMcpContract: async () => false,
    version: async () => ({ registrations: '8', updates: '0' }),
    async updateTokens(uris) {
      read.push(uris)
      return new Map(uris.map(uri => [uri, `token ${read.length}`]))
    },
  }
  return { registry, read }
}

test('only the tokens of resources that the caller may read are read', async () => {
  const { registry, read } = registryOf()
  const unknown = Array.from({ length: 400 }, (_, n) => `a://unknown/${n}`)
  const bus = await changesFor(caller, registry, [...unknown, 'a://known'])
  const updated: unknown[] = []
  const stop = bus.subscribe(event => void updated.push(event))
  await vi.waitUntil(() => read.length > 3)
  stop()
  expect(new Set(read.flat())).toEqual(new Set(['a://known']))
  expect(updated).toContainEqual({ kind: 'resource_updated', uri: 'a://known' })
})

test('nothing is read for resources that do not exist', async () => {
  const { registry, read } = registryOf()
  const follow = vi.spyOn(registry, 'follow')
  const stop = (await changesFor(caller, registry, ['a://unknown'])).subscribe(() => {})
  await vi.waitUntil(() => follow.mock.calls.length > 3)
  stop()
  expect(read).toEqual([])
})

test('a client subscribes to 500 resources at most, and to 128 KB of URIs', async () => {
  const many = createSubscriptions()
  for (let n = 0; n < 500; n++) await many.add(`a://${n}`, '')
  const tooMany = { code: -32602, message: expect.stringContaining('at most 500 resources') }
  await expect(many.add('a://500', '')).rejects.toMatchObject(tooMany)
  await many.add('a://7', 'again')
  await many.remove('a://7')
  await many.add('a://500', '')

  const long = createSubscriptions()
  for (let n = 0; n < 16; n++) await long.add(`${n}`.padEnd(8_192, 'x'), '')
  await expect(long.add('a', '')).rejects.toMatchObject(tooMany)
})
