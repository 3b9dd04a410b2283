import { describe, expect, test } from 'vitest'

import { kindOf, resolved } from '../../src/local/console/page/schema.ts'
import { expand, variablesOf } from '../../src/local/console/page/uri-template.ts'

describe('a field of a form', () => {
  test.each([
    [{ type: 'string' }, 'string'],
    [{ type: ['string', 'null'] }, 'string'],
    [{ type: ['string', 'number'] }, 'json'],
    [{ type: 'integer' }, 'number'],
    [{ type: 'boolean' }, 'boolean'],
    [{ enum: ['a', 1] }, 'choice'],
    [{ const: 'a' }, 'choice'],
    [{ type: 'string', oneOf: [{ const: 'a', title: 'A' }] }, 'choice'],
    [{ oneOf: [{ type: 'string' }, { type: 'number' }] }, 'json'],
    [{ type: 'array', items: { type: 'string' } }, 'list'],
    [{ type: 'array', items: { anyOf: [{ const: 'a', title: 'A' }] } }, 'choices'],
    [{ type: 'array', items: { enum: ['a'] } }, 'choices'],
    [{ type: 'array' }, 'json'],
    [{ type: 'array', prefixItems: [{}], items: { type: 'string' } }, 'json'],
    [{ type: 'object', properties: { a: {} } }, 'object'],
    [{ properties: { a: {} } }, 'object'],
    [{ type: 'object' }, 'json'],
    [{ type: 'object', properties: {}, allOf: [{}] }, 'json'],
    [{}, 'json'],
    [{ enum: Array.from({ length: 501 }, (_, at) => at) }, 'json'],
  ])('of %j is a field for %s', (schema, kind) => {
    expect(kindOf(schema).kind).toBe(kind)
  })

  test('below six levels is a field for JSON', () => {
    expect(kindOf({ type: 'object', properties: { a: {} } }, 7).kind).toBe('json')
  })

  test('has the schema that a reference names, and ends where references are a circle', () => {
    const root = {
      $defs: {
        'a/b': { type: 'string' },
        tree: { $ref: '#/$defs/other' },
        other: { $ref: '#/$defs/tree' },
      },
    }
    expect(resolved({ $ref: '#/$defs/a~1b', title: 'A' }, root)).toEqual({
      type: 'string',
      title: 'A',
    })
    expect(resolved({ $ref: '#/$defs/tree' }, root)).toEqual({})
    expect(resolved({ $ref: '#/__proto__/x' }, root)).toEqual({})
    expect(resolved({ $ref: '#/$defs/100%' }, root)).toEqual({})
    expect(resolved({ $ref: 'https://example.com/' }, root)).toEqual({})
  })
})

test.each([
  ['notes://{id}', { id: 'a b/c' }, 'notes://a%20b%2Fc'],
  ['files://{+path}', { path: 'a/b' }, 'files://a/b'],
  ['s://x{?q,page}', { q: 'a&b', page: '2' }, 's://x?q=a%26b&page=2'],
  ['s://x{?q,page}', { page: '2' }, 's://x?page=2'],
  ['s://x{/a,b}', { a: '1', b: '2' }, 's://x/1/2'],
  ['s://{a,b}', {}, 's://'],
  ['s://x{#part}', { part: 'a' }, 's://x#a'],
])('the URI template %s with %j is %s', (template, values, uri) => {
  expect(expand(template, values)).toBe(uri)
  expect(variablesOf('s://{a}{?b*,c:3}')).toEqual(['a', 'b', 'c'])
})
