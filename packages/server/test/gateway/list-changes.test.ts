import type { Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test, vi } from 'vitest'
import { watchChanges } from '../../src/gateway/protocol/changes.ts'
import type { Caller } from '../../src/http/caller.ts'
import type { CachedRegistry, Snapshot } from '../../src/registry/cached.ts'

const tool = { name: 'new', version: 1, updatedAt: 'now' } as Tool
const snapshot = (...tools: Tool[]): Snapshot => ({
  tool: new Map(tools.map(it => [it.name, it])),
  resource: new Map(),
  prompt: new Map(),
})
/** A table that is at `revision`, and has `tool`. */
const registry = (revision: string) =>
  ({
    current: async () => snapshot(tool),
    revision: async () => ({ registrations: revision, announcements: '0' }),
    announced: async () => new Map(),
  }) as unknown as CachedRegistry

async function heardFrom(options: object) {
  const heard: string[] = []
  let looks = 0
  const stop = watchChanges({
    registry: registry('8'),
    caller: {} as Caller,
    subscriptions: async () => {
      looks++
      return new Map()
    },
    onList: list => void heard.push(list),
    onUpdate: () => {},
    ...options,
  })
  await vi.waitUntil(() => looks > 1)
  stop()
  return heard
}

test.each([
  ['the registrations it starts from', { from: snapshot() }, ['tool']],
  ['the same registrations', { from: snapshot(tool) }, []],
  ['another revision', { sinceRevision: '7' }, ['tool', 'resource', 'prompt']],
  ['the same revision', { sinceRevision: '8' }, []],
  ['nothing', {}, []],
])(
  'what changed until the first look is news to a client that knows %s',
  async (_, known, news) => {
    expect(await heardFrom(known)).toEqual(news)
  },
)
