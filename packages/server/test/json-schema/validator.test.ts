import { describe, expect, test } from 'vitest'

import { equalItems } from '../../src/json-schema/unique-items.ts'
import { compileSchema } from '../../src/json-schema/validator.ts'

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const list = (items: object) => object({ list: { type: 'array', ...items } })

const problem = (schema: Record<string, unknown>, value: unknown) => compileSchema(schema)(value)

describe('a problem', () => {
  test.each<[string, Record<string, unknown>, unknown, string]>([
    ['a missing argument', object({}, { required: ['city'] }), {}, '"city" is missing'],
    [
      'an unknown argument',
      object({ city: {}, unit: {} }, { additionalProperties: false }),
      { town: 1 },
      '"town" is not a known name: the known names are "city", "unit"',
    ],
    ['a type', object({ n: { type: 'integer' } }), { n: '1' }, '"n" must be an integer'],
    [
      'several types',
      object({ n: { type: ['string', 'null'] } }),
      { n: 1 },
      '"n" must be a string or null',
    ],
    [
      'allowed values',
      object({ unit: { enum: ['celsius', 'kelvin', 1, null] } }),
      { unit: 'f' },
      '"unit" must be one of "celsius", "kelvin", 1, null',
    ],
    [
      'many allowed values',
      object({ unit: { enum: Array.from({ length: 1_000 }, (_, n) => `value ${n}`) } }),
      { unit: 'f' },
      ' and 979 more',
    ],
    ['one value', object({ kind: { const: 'a' } }), { kind: 'b' }, '"kind" must be "a"'],
    [
      'a place within',
      object({ filter: list({ items: object({ 'a/b': { type: 'string' } }) }) }),
      { filter: { list: [{}, { 'a/b': 1 }] } },
      '"filter/list/1/a/b" must be a string',
    ],
    [
      'alternatives',
      object({ n: { anyOf: [{ type: 'integer' }, { type: 'null' }] } }),
      { n: '1' },
      '"n" must be an integer, or must be null',
    ],
    [
      'too many alternatives',
      object({ n: { oneOf: [{ type: 'integer' }, { minimum: 1 }] } }),
      { n: 1 },
      '"n" matches several of the alternatives, and only one is allowed',
    ],
    [
      'the name of a member',
      object({ map: { type: 'object', propertyNames: { maxLength: 2 } } }),
      { map: { abc: 1 } },
      '"map/abc" is a name that must NOT have more than 2 characters',
    ],
    [
      'a dependency',
      object({}, { dependentRequired: { a: ['b'] } }),
      { a: 1 },
      '"b" is missing: "a" needs it',
    ],
    [
      'repeated items',
      list({ uniqueItems: true }),
      { list: [{ a: 1, b: [2] }, 1, { b: [2], a: 1 }] },
      '"list" must not repeat an item: 2 is the same as 0',
    ],
    [
      'a time without an offset',
      object({ at: { type: 'string', format: 'date-time' } }),
      { at: '2026-01-31T09:30:00' },
      '"at" must be a date and time with an offset, such as 2026-01-31T09:30:00Z',
    ],
    ['a value that is no object', object({}), [1], 'must be an object'],
  ])('names %s', (_, schema, value, text) => {
    expect(problem(schema, value)).toContain(text)
  })

  test('comes with all others of a small value', () => {
    const b = { enum: [1, null], nullable: true }
    const schema = object({ a: { type: 'string' }, b }, { required: ['c'] })
    expect(problem(schema, { a: 1, b: 2 })).toBe(
      '"c" is missing; "b" must be one of 1, null; "a" must be a string',
    )
  })

  test('is one of 50 at most, in a text of at most 8 KB', () => {
    const schema = list({ items: { type: 'string' } })
    const text = problem(schema, { list: Array.from({ length: 1_000 }, () => 1) })
    expect(text?.match(/must be a string/g)).toHaveLength(50)
    expect(text).toContain('and 450 more')
    const long = problem(schema, { list: { ['n'.repeat(1e6)]: 1 } })
    expect(long).toBe('"list" must be a list')
    const names = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`${n}${'ü'.repeat(500)}`, 1]),
    )
    const unknown = problem(object({}, { additionalProperties: false }), names) ?? ''
    expect(Buffer.byteLength(unknown)).toBeLessThan(8_192)
  })

  test('of a list of megabytes takes little memory', () => {
    const check = compileSchema(list({ items: { type: 'string', minLength: 1 } }))
    const value = { list: Array.from({ length: 2_900_000 }, () => 1) }
    const before = process.memoryUsage().heapUsed
    expect(check(value)).toBe('"list/0" must be a string')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000)
  })
})

describe('a check that would take exponential time ends', () => {
  const evil = `${'a'.repeat(60)}!`
  const tree = (alternatives: object[]) =>
    object({ text: { $ref: '#/$defs/tree' } }, { $defs: { tree: { oneOf: alternatives } } })
  const node = (kind: string) => object({ next: { $ref: '#/$defs/tree' } }, { title: kind })
  const deep = () => {
    let value: object = {}
    for (let depth = 0; depth < 190; depth++) value = { next: value }
    return value
  }

  test.each<[string, Record<string, unknown>, unknown]>([
    ['words', object({ text: { pattern: '^(\\w+\\s?)+$' } }), evil],
    ['nested quantifiers', object({ text: { pattern: '(a+)+$' } }), evil],
    ['a backreference', object({ text: { pattern: '^(a|a)*\\1?$' } }), evil],
    [
      'the pattern of a name',
      object({ text: { patternProperties: { '^(a+)+$': { type: 'number' } } } }),
      { [evil]: 1 },
    ],
    [
      'a pattern for names',
      object({ text: { propertyNames: { pattern: '^(a*)*$' } } }),
      { [evil]: 1 },
    ],
    ['a format', object({ text: { format: 'url' } }), `http://${':'.repeat(200_000)}`],
    ['a pattern in a list', object({ text: { items: { pattern: '^(a*)*$' } } }), ['a', evil]],
    ['recursive alternatives', tree([node('a'), node('b')]), deep()],
    [
      'definitions that double',
      object(
        { text: { $ref: '#/$defs/d0' } },
        {
          $defs: Object.fromEntries(
            Array.from({ length: 50 }, (_, n) => [
              `d${n}`,
              n === 49
                ? { type: 'string' }
                : { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
            ]),
          ),
        },
      ),
      'a',
    ],
    [
      'recursive items and contains',
      object(
        { text: { $ref: '#/$defs/list' } },
        {
          $defs: { list: { items: { $ref: '#/$defs/list' }, contains: { $ref: '#/$defs/list' } } },
        },
      ),
      JSON.parse(`${'['.repeat(190)}1${']'.repeat(190)}`),
    ],
  ])('%s: the argument is named', (_, schema, text) => {
    expect(compileSchema(schema)({ before: 1, text, after: 2 })).toBe(
      '"text" takes too long to check against the schema: send a shorter or simpler value',
    )
  })

  test('a union whose alternatives differ in a constant is decided in linear time', () => {
    const kind = (name: string) =>
      object({ next: { $ref: '#/$defs/tree' }, kind: { const: name } }, { required: ['kind'] })
    const check = compileSchema(tree([kind('a'), kind('b'), kind('c')]))
    let value: object = { kind: 'c' }
    for (let depth = 0; depth < 190; depth++) value = { next: value, kind: 'b' }
    expect(check({ text: value })).toBeUndefined()
  })

  test('a pattern that the stack of the engine is too small for is named', () => {
    const check = compileSchema(object({ text: { pattern: '^(.|\\n)*$' } }))
    expect(check({ text: 'a\n' })).toBeUndefined()
    expect(check({ text: 'a'.repeat(5_800_000) })).toContain('"text" ')
  })
})

describe('a large value is valid', () => {
  test.each<[string, Record<string, unknown>, unknown]>([
    [
      'a list of 100,000 unique objects',
      list({ uniqueItems: true }),
      Array.from({ length: 100_000 }, (_, id) => ({ id, tags: ['x'] })),
    ],
    [
      'a list of 600,000 items with a pattern',
      list({ items: { type: 'string', pattern: '^[a-z]+$' } }),
      Array.from({ length: 600_000 }, () => 'abcdef'),
    ],
    [
      'a list of 600,000 items by reference',
      object(
        { list: { items: { $ref: '#/$defs/item' } } },
        { $defs: { item: { type: 'integer', minimum: 0 } } },
      ),
      Array.from({ length: 600_000 }, (_, n) => n),
    ],
    ['a file in base64', object({ list: { format: 'byte' } }), 'QUJD'.repeat(1_450_000)],
    [
      'a data URI',
      object({ list: { format: 'uri' } }),
      `data:image/png;base64,${'QUJD'.repeat(1_400_000)}`,
    ],
    [
      '190 levels',
      object({ list: { type: 'array' } }),
      JSON.parse('['.repeat(190) + ']'.repeat(190)),
    ],
  ])('%s', (_, schema, value) => {
    expect(compileSchema(schema)({ list: value })).toBeUndefined()
  })
})

test('items are equal as JSON Schema says', () => {
  expect(equalItems([1, '1', true, 'true', null, 'null', [1], ['1'], { a: 1 }, '{"a":1}'])).toBe(
    undefined,
  )
  expect(equalItems([0, -0])).toEqual([0, 1])
  expect(
    equalItems([{ x: { b: 1, a: [{ d: 1, c: 2 }] } }, { x: { a: [{ c: 2, d: 1 }], b: 1 } }]),
  ).toEqual([0, 1])
  expect(
    equalItems([
      [1, 2],
      [2, 1],
    ]),
  ).toBeUndefined()
  const withProto = JSON.parse('[{"__proto__":1},{"__proto__":2},{}]')
  expect(equalItems(withProto)).toBeUndefined()
})

test.each([
  ['19.99', { multipleOf: 0.01 }, 19.99, true],
  ['19.999', { multipleOf: 0.01 }, 19.999, false],
  ['a huge number', { multipleOf: 0.5 }, 1e308, true],
  ['a huge number that is none', { multipleOf: 0.123456789 }, 1e308, false],
])('%s is checked as a multiple without rounding', (_, price, value, isValid) => {
  expect(problem(object({ price }), { price: value }) === undefined).toBe(isValid)
})

describe('names that every JavaScript object has are ordinary names', () => {
  const names = [
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__proto__',
    '__defineGetter__',
  ]

  test.each(names)('%s', name => {
    const schema = JSON.parse(
      `{"type":"object","properties":{"${name}":{"type":"string"}},"required":["${name}"],"additionalProperties":false}`,
    )
    const check = compileSchema(schema)
    const withValue = (value: string) => JSON.parse(`{"${name}":${value}}`)
    expect(check(withValue('"a"'))).toBeUndefined()
    expect(check(withValue('1'))).toBe(`"${name}" must be a string`)
    expect(check({})).toBe(`"${name}" is missing`)
    const other = names.find(it => it !== name)
    const unknown = JSON.parse(`{"${name}":"","${other}":1}`)
    expect(check(unknown)).toBe(`"${other}" is not a known name: the known names are "${name}"`)
  })
})
