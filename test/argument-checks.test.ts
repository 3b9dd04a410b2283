import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, connect, textOf } from './support/clients.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'

/** Tools by name, each with its JSON Schema. */
const tools = {
  words: { properties: { text: { type: 'string', pattern: '^(\\w+\\s?)+$' }, to: {} } },
  lists: {
    properties: {
      unique: { type: 'array', items: {}, uniqueItems: true },
      texts: { type: 'array', items: { type: 'string' } },
    },
  },
  draft04: {
    $schema: 'http://json-schema.org/draft-04/schema#',
    id: 'http://example.com/tool#',
    properties: {
      price: { type: 'number', minimum: 0, exclusiveMinimum: true },
      kind: { $ref: '#/definitions/kind' },
    },
    required: ['kind'],
    definitions: { kind: { enum: ['small', 'large'] } },
  },
  names: {
    properties: JSON.parse(
      '{"constructor":{"type":"string"},"toString":{},"__proto__":{"type":"integer"}}',
    ),
    required: ['constructor'],
    additionalProperties: false,
  },
}

let gateway: Gateway
let connected: Connected
beforeAll(async () => {
  gateway = await startGateway()
  const { admin } = gateway
  for (const [name, schema] of Object.entries(tools))
    await admin.registerTool({
      name,
      lambdaArn: functionArn('echo'),
      inputSchema: { type: 'object', ...schema },
    })
  for (const [name, uriTemplate] of Object.entries({
    dates: 'dates://{year}-{month}-{day}',
    search: 'search://{index}{/path*}{?q,limit}',
  }))
    await admin.registerResource({ name, lambdaArn: functionArn('echo'), uriTemplate })
  connected = await connect(gateway, 'SDK 2.x', '/sse over our transport')
})
afterAll(async () => {
  await connected?.client.close()
  await gateway?.close()
})

const call = (name: keyof typeof tools, args: object) =>
  connected.client.callTool({ name, arguments: { ...args } })

describe('arguments', () => {
  test('that would be checked for years are an error, and other calls go on', async () => {
    const results = await Promise.all([
      call('words', { text: `${'a'.repeat(50)}!`, to: 'x' }),
      call('words', { text: 'two words' }),
      call('names', { constructor: 'x' }),
    ])
    expect(results.map(it => it.isError ?? false)).toEqual([true, false, false])
    expect(textOf(results[0])).toBe(
      'Invalid arguments for the tool "words": "text" takes too long to check against the schema: send a shorter or simpler value',
    )
  })

  test('of megabytes are checked in linear time, and a short text says what is wrong', async () => {
    const unique = Array.from({ length: 50_000 }, (_, id) => ({ id, of: ['x'] }))
    expect((await call('lists', { unique })).isError).toBeFalsy()
    const repeated = await call('lists', { unique: [...unique, { of: ['x'], id: 7 }] })
    expect(textOf(repeated)).toContain('"unique" must not repeat an item: 50000 is the same as 7')
    const wrong = await call('lists', { texts: Array.from({ length: 2_800_000 }, () => 1) })
    expect(textOf(wrong)).toBe('Invalid arguments for the tool "lists": "texts/0" must be a string')
  })

  test('are checked by a schema of draft 04', async () => {
    expect((await call('draft04', { price: 0.1, kind: 'small' })).isError).toBeFalsy()
    expect(textOf(await call('draft04', { price: 0, kind: 'huge' }))).toBe(
      'Invalid arguments for the tool "draft04": "price" must be > 0; "kind" must be one of "small", "large"',
    )
  })

  test('may have the names of what every JavaScript object has', async () => {
    const args = '{"constructor":"x","toString":1,"__proto__":2}'
    const result = await call('names', JSON.parse(args))
    expect(JSON.stringify(JSON.parse(textOf(result)).event)).toBe(args)
    const wrong = await call('names', JSON.parse('{"constructor":"x","__proto__":"2"}'))
    expect(textOf(wrong)).toContain('"__proto__" must be an integer')
    expect(textOf(await call('names', {}))).toContain('"constructor" is missing')
  })
})

describe('a URI', () => {
  const read = (uri: string) => connected.client.readResource({ uri })
  const notFound = { message: expect.stringContaining('not found') }

  test.each<[string, object]>([
    ['dates://2026-01-31', { year: '2026', month: '01', day: '31' }],
    ['search://notes', { index: 'notes' }],
    ['search://notes/a/b', { index: 'notes', path: ['a', 'b'] }],
    ['search://notes?limit=5&q=a%20b', { index: 'notes', q: 'a b', limit: '5' }],
  ])('%s is read with its variables', async (uri, variables) => {
    const { contents } = await read(uri)
    expect(JSON.parse(textOf({ content: contents })).event).toEqual({ ...variables, uri })
  })

  test.each([
    ['that matches no template', `dates://${'-'.repeat(8_183)}/`, notFound],
    ['with an unknown parameter', 'search://notes?x=1', notFound],
    [
      'of more than 8,192 characters',
      `dates://${'a'.repeat(8_185)}`,
      { code: -32602, message: expect.stringContaining('8193 characters: at most 8192') },
    ],
  ])('%s is refused', async (_, uri, error) => {
    await expect(read(uri)).rejects.toMatchObject(error)
  })
})
