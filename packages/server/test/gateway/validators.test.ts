import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import type { JsonSchema, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProtocol } from '../../src/gateway/protocol/server.ts'
import { createSubscriptions } from '../../src/gateway/protocol/subscriptions.ts'
import { createCachedValidators } from '../../src/gateway/protocol/validators.ts'
import type { Caller } from '../../src/http/caller.ts'
import { createCachedRegistry } from '../../src/registry/cached.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { noLimits } from '../support/no-limits.ts'
import { registrationUrl } from '../support/registration-url.ts'

const caller: Caller = {
  arn: 'arn:aws:iam::123456789012:user/caller',
  accountId: '123456789012',
  owner: '123456789012:AIDACALLER',
}

// One validator for all tools keeps every schema in memory and confuses schemas with the same $id.

const tool = (name: string, inputSchema: object, version = 1): Tool => ({
  id: `tool-${name}`,
  type: 'tool',
  name,
  contract: 'arguments',
  lambdaArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
  inputSchema: inputSchema as Tool['inputSchema'],
  version,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  createdBy: 'arn:aws:iam::123456789012:user/admin',
})

/** A new object each time, as every read of a table returns, with a different text per version. */
const schemaOf = (version: number) => ({
  type: 'object',
  properties: { n: { type: 'number', maximum: version }, s: { type: 'string' } },
  required: ['n'],
})

describe('memory', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void

  /** Bytes of heap that each run leaves behind, after a warm-up. */
  function leftBy(run: (nth: number) => void, runs = 700): number {
    for (let nth = 0; nth < 200; nth++) run(nth)
    const before = heap()
    for (let nth = 200; nth < 200 + runs; nth++) run(nth)
    return (heap() - before) / runs
  }
  function heap() {
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }

  // A cached validator leaves about 500 bytes. A validator for all tools keeps every schema: 4 KB.
  const LITTLE = 1_500

  test('does not grow with the number of versions of a tool', () => {
    const validatorsOf = createCachedValidators()
    expect(
      leftBy(version => {
        const { input } = validatorsOf(tool('t', schemaOf(version), version))
        expect(input({ n: version })).toBeUndefined()
        expect(input({ n: version + 1 })).toContain('n')
      }),
    ).toBeLessThan(LITTLE)
  })

  test('grows with one validator for all tools, so the measurement can fail', () => {
    const shared = new AjvJsonSchemaValidator()
    expect(leftBy(version => void shared.getValidator(schemaOf(version)))).toBeGreaterThan(
      2 * LITTLE,
    )
  })

  // A cached tool takes 32 KB. Tools that leave the cache leave some noise.
  test('does not grow with the number of tools that are called', () => {
    const validatorsOf = createCachedValidators()
    const call = (nth: number) => void validatorsOf(tool(`t${nth}`, schemaOf(nth)))
    for (let nth = 0; nth < 600; nth++) call(nth)
    expect(leftBy(nth => call(600 + nth))).toBeLessThan(4 * LITTLE)
  })

  test('compiles a version once, however often it is read from the table', () => {
    const validatorsOf = createCachedValidators()
    const first = validatorsOf(tool('t', schemaOf(1)))
    for (let read = 0; read < 10_000; read++)
      expect(validatorsOf(tool('t', schemaOf(1))) === first).toBe(true)
  })
})

test('checks two tools whose schemas have the same $id, each with its own schema', () => {
  const $id = 'https://example.com/same'
  const [a, b] = ['a', 'b'].map(key =>
    tool(key, { $id, type: 'object', properties: { [key]: { type: 'string' } }, required: [key] }),
  ) as [Tool, Tool]
  const validatorsOf = createCachedValidators()
  for (const it of [a, b, a, b])
    expect([{ a: '' }, { b: '' }].map(args => validatorsOf(it).input(args) === undefined)).toEqual([
      it === a,
      it === b,
    ])
})

test('checks input and output, each with its own schema, when both have the same $id', () => {
  const $id = 'https://example.com/same'
  const both = {
    ...tool('t', { $id, type: 'object', required: ['in'] }),
    outputSchema: { $id, type: 'object' as const, required: ['out'] },
  }
  const { input, output } = createCachedValidators()(both)
  expect([input({ in: 1 }), input({ out: 1 }) === undefined]).toEqual([undefined, false])
  expect([output?.({ out: 1 }), output?.({ in: 1 }) === undefined]).toEqual([undefined, false])
})

describe('a registered tool', () => {
  let emulator: Emulator
  beforeAll(async () => {
    emulator = await startDynamo()
  })
  afterAll(() => emulator.close())

  async function connect() {
    const registry = dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable)
    const protocol = createProtocol({
      beginCall: () => undefined,
      registry: createCachedRegistry(registry),
      invoke: async () => ({ payload: '"ran"' }),
      validatorsOf: createCachedValidators(),
      maxCallsInFlight: 32,
      limits: noLimits,
      serverPush: false,
      instructions: '',
      invokeStream: () => {
        throw new Error('no function here streams')
      },
    })
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const server = protocol.createServer({
      transport: 'sse',
      requestId: 'r',
      caller,
      sessionId: 's',
      arrival: { at: undefined, isCold: false, tableReads: 0, trace: undefined },
      subscriptions: createSubscriptions(),
      inputTimeoutMs: 1_000,
    })
    await server.connect(ours)
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(theirs)
    return { client, registry }
  }
  const ran = { content: [{ type: 'text', text: 'ran' }] }

  const pair = { type: 'object' as const }
  test.each<[string, JsonSchema, object, object]>([
    [
      '2020-12',
      {
        ...pair,
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        properties: { pair: { type: 'array', prefixItems: [{ type: 'string' }], items: false } },
      },
      { pair: ['a'] },
      { pair: ['a', 'b'] },
    ],
    [
      '2020-12, the default',
      { ...pair, properties: { pair: { type: 'array', prefixItems: [{ type: 'string' }] } } },
      { pair: ['a'] },
      { pair: [1] },
    ],
    [
      '2019-09',
      {
        ...pair,
        $schema: 'https://json-schema.org/draft/2019-09/schema',
        properties: { pair: {} },
        dependentRequired: { pair: ['why'] },
        unevaluatedProperties: false,
        $defs: { why: { properties: { why: { type: 'string' } } } },
        $ref: '#/$defs/why',
      },
      { pair: 1, why: 'a' },
      { pair: 1 },
    ],
    [
      'draft 07',
      {
        ...pair,
        $schema: 'http://json-schema.org/draft-07/schema#',
        properties: {
          pair: { type: 'array', items: [{ type: 'string' }], additionalItems: false },
        },
      },
      { pair: ['a'] },
      { pair: ['a', 'b'] },
    ],
    [
      'draft 06',
      {
        ...pair,
        $schema: 'http://json-schema.org/draft-06/schema#',
        properties: { pair: { type: 'number', exclusiveMinimum: 1 } },
      },
      { pair: 2 },
      { pair: 1 },
    ],
  ])('is checked by the rules of its draft: %s', async (draft, inputSchema, right, wrong) => {
    const name = draft.replace(/\W+/g, '-').slice(0, 20)
    const lambdaArn = 'arn:aws:lambda:us-east-1:123456789012:function:f'
    const call = registrationUrl(emulator)
    const response = await call('POST', '/register', { type: 'tool', name, lambdaArn, inputSchema })
    expect(response.status).toBe(201)
    const { client } = await connect()
    expect(await client.callTool({ name, arguments: right as never })).toMatchObject(ran)
    expect(await client.callTool({ name, arguments: wrong as never })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('Invalid arguments') }],
    })
    await client.close()
  })

  test.each<[string, object]>([
    ['refers to the network', { type: 'object', $ref: 'https://example.com/schema.json' }],
    [
      'is of draft 03',
      { type: 'object', $schema: 'http://json-schema.org/draft-03/schema#', id: 'x' },
    ],
    ['is not valid', { type: 'object', properties: { a: { pattern: '(' } } }],
  ])('whose schema in the table %s fails alone: other tools work', async (_, schema) => {
    const { client, registry } = await connect()
    for (const it of [tool('bad', schema), tool('good', schemaOf(1))]) await registry.create(it)
    try {
      const { tools } = await client.listTools()
      expect(tools.map(it => it.name)).toEqual(expect.arrayContaining(['bad', 'good']))
      for (const round of [1, 2]) {
        const bad = client.callTool({ name: 'bad' })
        await expect(bad, `round ${round}`).rejects.toMatchObject({ code: -32603 })
        expect(await client.callTool({ name: 'good', arguments: { n: 1 } })).toMatchObject(ran)
      }
    } finally {
      for (const name of ['bad', 'good']) await registry.remove({ type: 'tool', name }, 1)
      await client.close()
    }
  })
})
