import type { Resource, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test, vi } from 'vitest'
import { type StartingPoint, watchChanges } from '../../src/gateway/protocol/changes.ts'
import type { CachedRegistry } from '../../src/registry/cached.ts'
import type { Snapshot } from '../../src/registry/snapshot.ts'

const tool = { name: 'new', version: 1, updatedAt: 'now' } as Tool
const snapshot = (...tools: Tool[]): Snapshot => ({
  tool: new Map(tools.map(it => [it.name, it])),
  resource: new Map(),
  prompt: new Map(),
})
const registry: CachedRegistry = {
  list: async type => snapshot(tool)[type] as never,
  snapshot: async () => snapshot(tool),
  follow: async () => snapshot(tool),
  find: async () => undefined,
  usesMcpContract: async () => false,
  version: async () => ({ registrations: '8', updates: '0' }),
  updateTokens: async () => new Map(),
}

/** The changed lists, and the states, that the first two looks report. */
async function reportedFrom(startingPoint: StartingPoint) {
  const lists: string[] = []
  const states: string[] = []
  let looks = 0
  const stop = watchChanges({
    registry,
    caller: { arn: 'arn:aws:iam::123456789012:user/caller', accountId: '123456789012', owner: 'o' },
    startingPoint,
    subscriptions: async () => {
      looks++
      return new Map()
    },
    onListChanged: list => void lists.push(list),
    onResourceUpdated: () => {},
    onReported: state => void states.push(state),
  })
  await vi.waitUntil(() => looks > 1)
  stop()
  return { lists, states }
}

const ALL = ['tool', 'resource', 'prompt']

test.each<[string, StartingPoint, string[]]>([
  ['other registrations', { from: 'snapshot', snapshot: snapshot() }, ['tool']],
  ['the same registrations', { from: 'snapshot', snapshot: snapshot(tool) }, []],
  ['another registry version', { from: 'registry-version', registrations: '7' }, ALL],
  ['the same registry version', { from: 'registry-version', registrations: '8' }, []],
  ['an empty state', { from: 'reported-state', state: '' }, ALL],
  ['nothing', { from: 'first-look' }, []],
])('the first look reports what differs for a client that knows %s', async (_, known, lists) => {
  expect((await reportedFrom(known)).lists).toEqual(lists)
})

test('a client that knows the reported state gets no report', async () => {
  const [state = ''] = (await reportedFrom({ from: 'first-look' })).states
  const again = await reportedFrom({ from: 'reported-state', state })
  expect(again).toEqual({ lists: [], states: [] })
})

test('an update of a resource is not reported after its subscription has ended', async () => {
  const resource = { ...tool, name: 'board', uri: 'board://main' }
  const tokens = new Map([['board://main', 'first']])
  let subscribed = new Map([['board://main', 'first']])
  let looks = 0
  const updated: string[] = []
  const both = async () => ({
    ...snapshot(tool),
    resource: new Map([['board', resource as unknown as Resource]]),
  })
  const stop = watchChanges({
    registry: {
      ...registry,
      snapshot: both,
      follow: both,
      async updateTokens() {
        looks++
        // While the second look reads the tokens, the client unsubscribes and an update follows.
        if (looks === 2) {
          subscribed = new Map()
          tokens.set('board://main', 'second')
        }
        return new Map(tokens)
      },
    },
    caller: { arn: 'arn:aws:iam::123456789012:user/caller', accountId: '123456789012', owner: 'o' },
    startingPoint: { from: 'first-look' },
    subscriptions: async () => subscribed,
    onListChanged: () => {},
    onResourceUpdated: uri => void updated.push(uri),
    onReported: () => {},
  })
  await vi.waitUntil(() => looks > 1)
  await new Promise(resolve => setImmediate(resolve))
  stop()
  expect(updated).toEqual([])
})
