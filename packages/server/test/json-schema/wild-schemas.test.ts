import { describe, expect, test } from 'vitest'

import { SchemaError } from '../../src/json-schema/keywords.ts'
import { compileSchema } from '../../src/json-schema/validator.ts'

type Schema = Record<string, unknown>

const object = (properties: object, more: object = {}): Schema => ({
  type: 'object',
  properties,
  ...more,
})
const DRAFT_04 = 'http://json-schema.org/draft-04/schema#'

describe('a schema as generators write it is understood', () => {
  test.each<[string, Schema, object, object]>([
    [
      'pydantic: an optional value, a generic model and a discriminated union',
      object(
        {
          limit: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null, title: 'Limit' },
          page: { $ref: '#/$defs/Page_int_' },
          pet: {
            discriminator: { mapping: { cat: '#/$defs/Cat' }, propertyName: 'kind' },
            oneOf: [{ $ref: '#/$defs/Cat' }, { $ref: '#/$defs/Dog' }],
          },
        },
        {
          title: 'search_arguments',
          $defs: {
            Page_int_: object({ items: { items: { type: 'integer' }, type: 'array' } }),
            Cat: object({ kind: { const: 'cat', enum: ['cat'] } }, { required: ['kind'] }),
            Dog: object({ kind: { const: 'dog' } }, { required: ['kind'] }),
          },
        },
      ),
      { limit: null, page: { items: [1] }, pet: { kind: 'dog' } },
      { pet: { kind: 'cow' } },
    ],
    [
      'zod: a recursive schema in draft 07',
      object(
        { tree: { $ref: '#/definitions/__schema0' } },
        {
          $schema: 'http://json-schema.org/draft-07/schema#',
          additionalProperties: false,
          definitions: {
            __schema0: object({
              name: { type: 'string' },
              children: { type: 'array', items: { $ref: '#/definitions/__schema0' } },
            }),
          },
        },
      ),
      { tree: { name: 'a', children: [{ name: 'b' }] } },
      { tree: { children: [{ name: 1 }] } },
    ],
    [
      'zod-to-json-schema: a reference into properties',
      object(
        { from: object({ zip: { type: 'string' } }), to: { $ref: '#/properties/from' } },
        { $schema: 'http://json-schema.org/draft-07/schema#' },
      ),
      { to: { zip: '1' } },
      { to: { zip: 1 } },
    ],
    [
      'Jackson: ids that are URNs',
      object(
        {
          parent: { type: 'object', $ref: 'urn:jsonschema:com:example:Node' },
          n: { type: 'integer' },
        },
        { id: 'urn:jsonschema:com:example:Node' },
      ),
      { parent: { parent: { n: 1 } } },
      { parent: { parent: { n: '' } } },
    ],
    [
      'Swagger for .NET: nullable beside everything, and names with brackets',
      object(
        {
          a: { nullable: true, allOf: [{ $ref: '#/components/schemas/Kind' }] },
          b: { nullable: true, $ref: '#/components/schemas/List%601%5BItem%5D' },
          c: { nullable: true, type: 'string', enum: ['x'] },
          d: { nullable: true, enum: ['y'] },
          e: { nullable: true, oneOf: [{ type: 'string' }, { type: 'number' }] },
          f: { nullable: true, description: 'anything' },
          g: { nullable: true, type: 'string', format: 'date-time' },
          h: { nullable: true, const: 1 },
          i: { nullable: true, anyOf: [{ $ref: '#/components/schemas/Kind' }] },
          j: { nullable: true, type: 'string', not: { maxLength: 0 } },
        },
        {
          components: {
            schemas: { Kind: { type: 'integer', enum: [0, 1] }, 'List`1[Item]': { type: 'array' } },
          },
        },
      ),
      Object.fromEntries([...'abcdefghij'].map(name => [name, null])),
      { b: {} },
    ],
    [
      'System.Text.Json: pointers into the schema itself',
      object({
        name: { type: ['string', 'null'] },
        next: {
          type: ['object', 'null'],
          properties: { next: { $ref: '#/properties/next' }, n: { $ref: '#/properties/name' } },
        },
      }),
      { next: { next: { n: null } } },
      { next: { next: { n: 1 } } },
    ],
    [
      'draft 04: exclusive limits, ids, tuples and dependencies',
      object(
        {
          n: {
            type: 'number',
            minimum: 0,
            exclusiveMinimum: true,
            maximum: 9,
            exclusiveMaximum: false,
          },
          pair: { type: 'array', items: [{ type: 'string' }], additionalItems: false },
          byId: { $ref: '#text' },
          more: { $ref: 'item.json' },
        },
        {
          $schema: DRAFT_04,
          id: 'http://example.com/root.json#',
          dependencies: { n: ['pair'], pair: { required: ['byId'] } },
          definitions: {
            text: { id: '#text', type: 'string' },
            item: { id: 'item.json', type: 'integer' },
          },
        },
      ),
      { n: 9, pair: ['a'], byId: 'x', more: 1 },
      { n: 0, pair: ['a'], byId: 'x' },
    ],
    [
      'draft 04: dependencies on names',
      object({}, { dependencies: { card: ['address', 'zip'], zip: 'city' } }),
      { card: 1, address: 1, zip: 1, city: 1 },
      { card: 1, address: 1 },
    ],
    [
      'draft 03: a dependency on one name',
      object({}, { dependencies: { zip: 'city' } }),
      { city: 1 },
      { zip: 1 },
    ],
    [
      'draft 04: a dependency on a schema',
      object({}, { dependencies: { card: { required: ['address'] } } }),
      { card: 1, address: 1 },
      { card: 1 },
    ],
    [
      'jsonschema.net: ids that are pointers',
      object(
        {
          tags: {
            $id: '#/properties/tags',
            type: 'array',
            items: { $id: '#/properties/tags/items', type: 'string' },
          },
        },
        { $schema: 'http://json-schema.org/draft-07/schema', $id: 'http://example.com/root.json' },
      ),
      { tags: ['a'] },
      { tags: [1] },
    ],
    [
      'two schemas with one id',
      object(
        { a: { $id: 'same', type: 'string' }, b: { $id: 'same', type: 'number' } },
        { $id: 'same' },
      ),
      { a: '', b: 1 },
      { a: 1 },
    ],
    [
      'the id of a meta-schema, and a value that is a schema',
      object(
        { schema: { $ref: 'http://json-schema.org/draft-07/schema#' } },
        { $id: 'https://json-schema.org/draft/2020-12/schema' },
      ),
      { schema: { type: 'object' } },
      { schema: 'object' },
    ],
    [
      'keywords of engines',
      object(
        {
          a: {
            type: 'string',
            $async: true,
            errorMessage: 'no',
            formatMinimum: 'x',
            instanceof: 'Date',
          },
        },
        {
          $async: true,
          'x-order': 1,
          strict: true,
          example: {},
          examples: 'text',
          deprecated: 'yes',
        },
      ),
      { a: '' },
      { a: 1 },
    ],
    ...['phone', 'constructor', 'hasOwnProperty', '__proto__'].map(
      (format): [string, Schema, object, object] => [
        `the unknown format ${format}`,
        object({ a: { type: 'string', format } }),
        { a: '1' },
        { a: 1 },
      ],
    ),
    ['an empty enum', object({ a: { enum: [] } }), {}, { a: 1 }],
    ['an empty tuple', object({ a: { type: 'array', items: [] } }), { a: [1] }, { a: 1 }],
    [
      'draft 2019-09: recursion',
      object(
        { next: { $recursiveRef: '#' }, n: { type: 'integer' } },
        { $schema: 'https://json-schema.org/draft/2019-09/schema', $recursiveAnchor: true },
      ),
      { next: { n: 1 } },
      { next: { next: { n: '' } } },
    ],
    [
      'draft 2020-12: a dynamic reference',
      object(
        { next: { $dynamicRef: '#node' }, n: { type: 'integer' } },
        { $dynamicAnchor: 'node', unevaluatedProperties: false },
      ),
      { next: { n: 1 } },
      { next: { m: 1 } },
    ],
    [
      'draft 2020-12: a dynamic reference between two schemas',
      {
        $id: 'https://example.com/strict',
        $dynamicAnchor: 'node',
        type: 'object',
        $ref: 'tree',
        unevaluatedProperties: false,
        $defs: {
          tree: {
            $id: 'tree',
            $dynamicAnchor: 'node',
            properties: { data: true, children: { items: { $dynamicRef: '#node' } } },
          },
        },
      },
      { children: [{ data: 1 }] },
      { children: [{ daat: 1 }] },
    ],
  ])('%s', (_, schema, right, wrong) => {
    const check = compileSchema(schema)
    expect(check(right)).toBeUndefined()
    expect(check(wrong)).toEqual(expect.any(String))
  })

  test.each([
    undefined,
    'http://json-schema.org/schema#',
    DRAFT_04,
    'https://json-schema.org/draft-04/schema',
    'http://json-schema.org/draft-06/schema#',
    'http://json-schema.org/draft-07/schema',
    'https://json-schema.org/draft/2019-09/schema#',
    'https://json-schema.org/draft/2020-12/schema',
    'http://json-schema.org/draft/2020-12/schema#',
    'https://spec.openapis.org/oas/3.1/dialect/base',
  ])('with the $schema %s', $schema => {
    const check = compileSchema(object({ a: { type: 'string' } }, { $schema }))
    expect([check({ a: '' }), check({ a: 1 })]).toEqual([undefined, '"a" must be a string'])
  })

  test.each([
    ['\\_\\-\\@', '_-@'],
    ['^[\\w-.]+$', 'a-.'],
    ['^\\p{Lu}\\p{L}*$', 'Österreich'],
    ['^(?=.*\\d)(?<!x)(?<word>[a-z]+\\d)\\k<word>$', 'a1a1'],
    ['^(?:[a-z]{1,5000}){1,100}$', 'abc'],
    ['\\A(?P<year>\\d{4})\\Z', '2026'],
    ['(?i)^abc$', 'ABC'],
    ['^.$', '🎈'],
  ])('with the pattern %s', (pattern, text) => {
    const check = compileSchema(object({ a: { type: 'string', pattern } }))
    expect(check({ a: text })).toBeUndefined()
    expect(check({ a: '' })).toContain('"a" must match the pattern')
  })

  test.each([
    'Foo<Bar>',
    'Foo[Bar]',
    'a b',
    '100%',
    'a%20b',
    'a/b',
    'a~1b',
    'ü',
    '«»',
    '',
    '#',
    '?',
    '"',
    '..',
    'constructor',
    '__proto__',
  ])('with a reference to the definition %j', name => {
    const pointer = name.replaceAll('~', '~0').replaceAll('/', '~1')
    for (const fragment of [pointer, encodeURIComponent(pointer)]) {
      if (fragment === pointer && /%/.test(name)) continue
      const schema = object(
        { a: { $ref: `#/$defs/${fragment}` } },
        { $defs: JSON.parse(`{${JSON.stringify(name)}:{"type":"string"}}`) },
      )
      const check = compileSchema(schema)
      expect([check({ a: '' }), check({ a: 1 })]).toEqual([undefined, '"a" must be a string'])
    }
  })
})

describe('a schema is refused with the place', () => {
  const many = (count: number, of: (n: number) => [string, unknown]) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => of(n)))
  const thousand = many(1_000, n => [`q${n}`, {}])

  test.each<[string, Schema, string, string]>([
    ['a missing definition', object({ a: { $ref: '#/$defs/b' } }), '/properties/a/$ref', '$defs'],
    [
      'a broken pattern',
      object({ 'a/b': { pattern: '(' } }),
      '/properties/a~1b/pattern',
      'Unterminated group',
    ],
    [
      'a pattern of .NET',
      object({ a: { pattern: '\\p{IsGreek}\\_' } }),
      '/properties/a/pattern',
      'Invalid property name',
    ],
    [
      'draft 03',
      object({}, { $schema: 'http://json-schema.org/draft-03/schema#' }),
      '/$schema',
      '2020-12',
    ],
    [
      '600 patterns',
      object({ a: { patternProperties: many(600, n => [`^${n}`, {}]) } }),
      '/properties/a/patternProperties/^500',
      'at most 500',
    ],
    [
      '5,000 patterns',
      object({ a: { patternProperties: many(5_000, n => [`^${n}`, {}]) } }),
      '/properties/a/patternProperties',
      'has 5000 members: at most 1500',
    ],
    [
      '5,000 dependent names',
      object({ a: { dependentRequired: many(5_000, n => [`p${n}`, ['b']]) } }),
      '/properties/a/dependentRequired',
      'at most 1500',
    ],
    [
      '4,000 schemas',
      object(many(4, n => [`p${n}`, object(many(1_000, m => [`p${m}`, {}]))])),
      '/properties/p2/properties/p996',
      'at most 3000',
    ],
    [
      '300 levels',
      Array.from({ length: 300 }).reduce<Schema>(inner => object({ a: inner }), {}),
      '/properties/a'.repeat(200),
      'at most 200 levels',
    ],
    [
      'a long ring of references',
      object({ a: { $ref: '#/$defs/0' } }, { $defs: many(1_000, ring) }),
      '',
      'too many references',
    ],
    [
      '80,000 dependent names',
      object({ a: { dependentRequired: many(80, n => [`p${n}`, Object.keys(thousand)]) } }),
      '',
      'takes too long',
    ],
  ])('%s', (_, schema, pointer, message) => {
    expect(() => compileSchema(schema)).toThrow(SchemaError)
    try {
      compileSchema(schema)
    } catch (error) {
      expect(error).toMatchObject({ pointer, message: expect.stringContaining(message) })
    }
  })
})

const ring = (n: number): [string, Schema] => [
  String(n),
  object({ next: { $ref: `#/$defs/${(n + 1) % 1_000}` } }),
]
