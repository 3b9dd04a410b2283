import { expect, test } from 'vitest'

import { digestOf as digestOfExact } from '../../src/gateway/protocol/params-digest.ts'
import { parseExact } from '../../src/json/exact-numbers.ts'

const digestOf = (params: Record<string, unknown>) =>
  digestOfExact({ params, stringify: JSON.stringify })

const params = { name: 't', arguments: { path: '/tmp/a', list: [1, { x: 1, y: 2 }] } }

test('the order of members and what changes between rounds do not matter', () => {
  const same = {
    requestState: 's',
    inputResponses: {},
    _meta: { progressToken: 1 },
    arguments: { list: [1, { y: 2, x: 1 }], path: '/tmp/a' },
    name: 't',
  }
  expect(digestOf(same)).toBe(digestOf(params))
})

test.each<[string, Record<string, unknown>]>([
  ['another value', { ...params, arguments: { ...params.arguments, path: '/etc' } }],
  [
    'another order of a list',
    { ...params, arguments: { path: '/tmp/a', list: [{ x: 1, y: 2 }, 1] } },
  ],
  ['a member more', { ...params, arguments: { ...params.arguments, force: true } }],
  [
    'a text for a number',
    { ...params, arguments: { path: '/tmp/a', list: ['1', { x: 1, y: 2 }] } },
  ],
  ['a member named _meta inside', { ...params, arguments: { ...params.arguments, _meta: 1 } }],
])('%s changes the digest', (_, other) => {
  expect(digestOf(other)).not.toBe(digestOf(params))
})

test('a member named __proto__ counts', () => {
  expect(digestOf(JSON.parse('{"arguments":{"__proto__":{"a":1}}}'))).not.toBe(
    digestOf({ arguments: {} }),
  )
})

test('numbers that JavaScript cannot tell apart change the digest', () => {
  const exact = (number: string) => {
    const { value, stringify } = parseExact(`{"arguments":{"id":${number}}}`)
    return digestOfExact({ params: value as Record<string, unknown>, stringify })
  }
  expect(exact('9007199254740993')).not.toBe(exact('9007199254740992'))
  expect(exact('9007199254740993')).toBe(exact('9007199254740993'))
})
