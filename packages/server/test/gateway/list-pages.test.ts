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

test('a page with a cursor that is longer than ours is made, and not kept', () => {
  const pageOf = createListPages()
  const { written, tools } = list()
  const cursor = after('a'.repeat(100_000))
  const first = pageOf('tools/list', tools, caller, cursor, 1_000)
  const times = written.times
  expect(pageOf('tools/list', tools, caller, cursor, 1_000)).toBe(first)
  expect(written.times).toBe(2 * times)
})
