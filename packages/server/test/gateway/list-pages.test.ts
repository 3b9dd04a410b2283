import type { Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test } from 'vitest'

import { createListPages } from '../../src/gateway/ordinary/list-pages.ts'

const caller = { arn: 'arn:aws:iam::123456789012:user/a', accountId: '123456789012', owner: 'a' }

/** Counts how often the tool is written as JSON. */
function list() {
  const written = { times: 0 }
  const annotations = {
    toJSON() {
      written.times += 1
      return {}
    },
  }
  const tool = { type: 'tool', name: 'z'.repeat(64), annotations } as unknown as Tool
  return { written, tools: new Map([[tool.name, tool]]) }
}

const after = (name: string) => Buffer.from(`after:${name}`).toString('base64url')

test('a page is made once for a list, also with a cursor', () => {
  const pageOf = createListPages()
  for (const cursor of [undefined, after('a')]) {
    const { written, tools } = list()
    const first = pageOf('tools/list', tools, caller, cursor, 1_000)
    const times = written.times
    expect(times).toBeGreaterThan(0)
    expect(pageOf('tools/list', tools, caller, cursor, 1_000)).toBe(first)
    expect(written.times).toBe(times)
  }
})

test('a page is kept for a role session where a registration is for some of them', () => {
  const pageOf = createListPages()
  const as = (session: string) => ({
    ...caller,
    arn: `arn:aws:sts::123456789012:assumed-role/agents/${session}`,
  })
  const names = (tools: Map<string, Tool>, session: string) => {
    const { tools: shown } = JSON.parse(
      `{${pageOf('tools/list', tools, as(session), undefined, 9_000)}}`,
    )
    return shown.map((it: { name: string }) => it.name)
  }
  const { written, tools } = list()
  const role = { type: 'tool', name: 'role', allow: ['arn:aws:iam::123456789012:role/agents'] }
  tools.set('role', role as unknown as Tool)
  expect(names(tools, 'ann')).toContain('role')
  const { times } = written
  expect(names(tools, 'bob')).toContain('role')
  expect(written.times).toBe(times)

  const forAnn = new Map(tools)
  const allow = ['arn:aws:sts::123456789012:assumed-role/agents/ann']
  forAnn.set('ann', { type: 'tool', name: 'ann', allow } as unknown as Tool)
  expect(names(forAnn, 'ann')).toContain('ann')
  expect(names(forAnn, 'bob')).not.toContain('ann')
})

test('a page with a cursor that is longer than ours is made, and not kept', () => {
  const pageOf = createListPages()
  const { written, tools } = list()
  const cursor = after('a'.repeat(100_000))
  const first = pageOf('tools/list', tools, caller, cursor, 1_000)
  const times = written.times
  expect(pageOf('tools/list', tools, caller, cursor, 1_000)).toBe(first)
  expect(written.times).toBe(2 * times)
})
