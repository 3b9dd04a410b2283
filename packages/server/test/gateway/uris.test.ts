import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test } from 'vitest'

import { resolve, resourceOf } from '../../src/gateway/protocol/uris.ts'
import type { Caller } from '../../src/http/caller.ts'

const caller: Caller = {
  arn: 'arn:aws:iam::123456789012:user/caller',
  accountId: '123456789012',
  owner: '123456789012/caller',
}
const OTHERS = ['arn:aws:iam::123456789012:user/other']

const listOf = (...resources: [name: string, more: Partial<Resource>][]) =>
  new Map(resources.map(([name, more]) => [name, { name, ...more } as Resource]))

test('an exact URI is preferred to a template, and the first name to later ones', () => {
  const list = listOf(
    ['any', { uriTemplate: 'notes://{id}' }],
    ['b', { uri: 'notes://1' }],
    ['c', { uri: 'notes://1' }],
    ['d', { uriTemplate: 'notes://{other}' }],
  )
  expect(resolve(list, caller, 'notes://1')?.resource.name).toBe('b')
  expect(resolve(list, caller, 'notes://2')).toMatchObject({
    resource: { name: 'any' },
    variables: { id: '2' },
  })
  expect(resolve(list, caller, 'other://2')).toBeUndefined()
})

test('what a caller may not see is not found', () => {
  const list = listOf(
    ['a', { uri: 'notes://1', allow: OTHERS }],
    ['b', { uriTemplate: 'notes://{id}', allow: OTHERS }],
    ['c', { uriTemplate: 'notes://{own}' }],
    ['d', { uri: 'secret://1', allow: OTHERS }],
  )
  expect(resolve(list, caller, 'notes://1')).toMatchObject({
    resource: { name: 'c' },
    variables: { own: '1' },
  })
  expect(() => resourceOf(list, caller, 'secret://1')).toThrow('secret://1')
})

test('another list has its own resources', () => {
  const before = listOf(['a', { uri: 'notes://1' }])
  expect(resolve(before, caller, 'notes://1')).toBeDefined()
  expect(resolve(listOf(['a', { uri: 'notes://2' }]), caller, 'notes://1')).toBeUndefined()
})
