import { describe, expect, test } from 'vitest'

import { isJsonSchema, toInputSchema, toPromptArguments } from '../src/parameters.ts'

/** The schema of the one parameter `p`, and whether it may be left out. */
function parameter(shorthand: unknown) {
  const { schema, issues } = toInputSchema({ p: shorthand })
  expect(issues).toEqual([])
  const { properties, required } = schema as { properties?: { p: unknown }; required?: string[] }
  return [properties?.p, required === undefined]
}

describe('a parameter of the shorthand', () => {
  test.each([
    ['string', { type: 'string' }, false],
    ['number', { type: 'number' }, false],
    ['integer?', { type: 'integer' }, true],
    ['boolean', { type: 'boolean' }, false],
    ['object', { type: 'object' }, false],
    ['array', { type: 'array', items: {} }, false],
    ['string[]', { type: 'array', items: { type: 'string' } }, false],
    ['number[][]?', { type: 'array', items: { type: 'array', items: { type: 'number' } } }, true],
    [{ type: 'string' }, { type: 'string' }, false],
    [{ type: 'string?' }, { type: 'string' }, true],
    [{ type: 'string', optional: true }, { type: 'string' }, true],
    [{ type: 'string', optional: false }, { type: 'string' }, false],
    [{ type: 'integer', default: 5 }, { type: 'integer', default: 5 }, true],
    [{ type: 'boolean', default: false }, { type: 'boolean', default: false }, true],
    [
      { type: 'string', enum: ['a', 'b'], description: 'd' },
      { type: 'string', enum: ['a', 'b'], description: 'd' },
      false,
    ],
    // The values are those of the strings, the description and default those of the list.
    [
      { type: 'string[]', enum: ['a', 'b'], description: 'd', default: ['a'] },
      {
        type: 'array',
        items: { type: 'string', enum: ['a', 'b'] },
        description: 'd',
        default: ['a'],
      },
      true,
    ],
    [{ type: 'array', items: 'integer' }, { type: 'array', items: { type: 'integer' } }, false],
    [
      { type: 'array', items: { type: 'object', properties: { id: 'string', n: 'number?' } } },
      {
        type: 'array',
        items: {
          type: 'object',
          properties: { id: { type: 'string' }, n: { type: 'number' } },
          required: ['id'],
          additionalProperties: false,
        },
      },
      false,
    ],
    [
      { type: 'object?', properties: {} },
      { type: 'object', properties: {}, additionalProperties: false },
      true,
    ],
  ])('%j becomes a JSON Schema', (shorthand, schema, optional) => {
    expect(parameter(shorthand)).toEqual([schema, optional])
  })

  test.each([
    [5, []],
    [null, []],
    [true, []],
    [['string'], []],
    ['', []],
    ['int', []],
    ['String', []],
    ['string?[]', []],
    ['string []', []],
    ['constructor', []],
    [{}, ['type']],
    [{ type: 5 }, ['type']],
    [{ type: ['string', 'null'] }, ['type']],
    [{ type: 'int' }, ['type']],
    [{ type: 'string', required: true }, ['required']],
    [{ type: 'string', minLength: 1 }, ['minLength']],
    [{ type: 'string', optional: 'yes' }, ['optional']],
    [{ type: 'string', description: 5 }, ['description']],
    [{ type: 'string', enum: [] }, ['enum']],
    [{ type: 'string', enum: 'a' }, ['enum']],
    [{ type: 'string', items: 'string' }, ['items']],
    [{ type: 'string[]', items: 'string' }, ['items']],
    [{ type: 'string', properties: {} }, ['properties']],
    [{ type: 'object', properties: ['a'] }, ['properties']],
    [
      { type: 'object', properties: { a: { type: 'array', items: 'x' } } },
      ['properties', 'a', 'items'],
    ],
  ])('that is %j is refused, with its path', (shorthand, path) => {
    expect(toInputSchema({ p: shorthand }).issues).toEqual([
      { path: ['p', ...path], message: expect.any(String) },
    ])
  })
})

test('parameters keep their order, and those without "?" are required', () => {
  const { schema } = toInputSchema({ z: 'string', a: 'string?', m: 'number' })
  expect(Object.keys(schema['properties'] as object)).toEqual(['z', 'a', 'm'])
  expect(schema['required']).toEqual(['z', 'm'])
})

describe('"parameters"', () => {
  test.each([
    [{ type: 'object' }],
    [{ type: 'object', properties: {} }],
    [{ type: 'object', properties: { type: { type: 'string' } } }],
    [{ type: 'object', properties: { a: {} }, 'x-vendor': 'string' }],
    [{ type: 'object', required: ['a'] }],
    [{ type: 'object', additionalProperties: false }],
    [{ type: 'object', additionalProperties: { type: 'string' } }],
    [{ type: 'object', patternProperties: { '^a': { type: 'string' } } }],
    [{ type: 'object', description: 'Takes nothing' }],
    [{ type: 'object', $ref: '#/$defs/a', $defs: { a: {} } }],
    [{ type: 'object', anyOf: [{ required: ['a'] }] }],
  ])('%j is a JSON Schema, and stays unchanged', schema => {
    expect(isJsonSchema(schema)).toBe(true)
    expect(toInputSchema(schema)).toEqual({ schema, issues: [] })
  })

  test.each([
    [{}],
    [{ type: 'string' }],
    [{ type: 'object?' }],
    [{ type: { type: 'object' } }],
    [{ type: 'object', title: 'string' }],
    [{ type: 'object', description: 'string?' }],
    [{ type: 'object', required: { type: 'boolean' } }],
    [{ type: 'object', count: 'integer' }],
    [{ type: 'object', properties: 'string[]' }],
    [{ properties: { type: 'object' }, items: 'array' }],
  ])('%j is the shorthand, with each key a parameter', shorthand => {
    expect(isJsonSchema(shorthand)).toBe(false)
    const { schema, issues } = toInputSchema(shorthand)
    expect(issues).toEqual([])
    expect(Object.keys(schema['properties'] as object)).toEqual(Object.keys(shorthand))
  })

  test('with a misspelt type beside "type" is not a schema without properties', () => {
    expect(toInputSchema({ type: 'object', count: 'integr' }).issues).toMatchObject([
      { path: ['count'] },
    ])
  })

  test('that is a JSON Schema of another type than object is refused', () => {
    expect(
      toInputSchema({ $schema: 'https://json-schema.org/draft/2020-12/schema', properties: {} })
        .issues,
    ).toEqual([{ path: ['type'], message: expect.stringContaining('object') }])
  })
})

test('a prompt has the arguments of the shorthand or of a schema', () => {
  expect(toPromptArguments({})).toEqual([])
  expect(
    toPromptArguments({ a: 'string', b: { type: 'string', description: 'B', default: '' } }),
  ).toEqual([
    { name: 'a', required: true },
    { name: 'b', description: 'B', required: false },
  ])
  expect(toPromptArguments({ type: 'object' })).toEqual([])
  expect(toPromptArguments({ type: 'object', properties: { a: true }, required: ['a'] })).toEqual([
    { name: 'a', required: true },
  ])
})
