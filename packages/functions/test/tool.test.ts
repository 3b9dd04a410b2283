import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'

import { defineTool, testFunction } from '../src/index.ts'

// The stack of a thrown error is written to the log.
let log: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  log = vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => log.mockRestore())

const block = { type: 'text', text: 'hi' } as const

test.each([
  ['a string is text', 'hi', { content: [block] }],
  ['undefined is no content', undefined, { content: [] }],
  ['null is no content', null, { content: [] }],
  ['a number is its JSON', 7, { content: [{ type: 'text', text: '7' }] }],
  ['a list is its JSON', [1], { content: [{ type: 'text', text: '[1]' }] }],
  [
    'an object is structured content and its JSON',
    { a: 1 },
    { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 } },
  ],
  ['an MCP result is unchanged', { content: [block], _meta: { a: 1 } }, undefined],
  ['an error result is unchanged', { content: [block], isError: true }, undefined],
  [
    'an object whose content is not a list of blocks is structured content',
    { content: ['a'] },
    {
      content: [{ type: 'text', text: '{"content":["a"]}' }],
      structuredContent: { content: ['a'] },
    },
  ],
  [
    'an object whose content has other entries is structured content',
    { content: [{ type: 'article', id: 1 }], pages: 1 },
    {
      content: [{ type: 'text', text: '{"content":[{"type":"article","id":1}],"pages":1}' }],
      structuredContent: { content: [{ type: 'article', id: 1 }], pages: 1 },
    },
  ],
  [
    'an object with an empty content and other members is structured content',
    { content: [], pages: 0 },
    {
      content: [{ type: 'text', text: '{"content":[],"pages":0}' }],
      structuredContent: { content: [], pages: 0 },
    },
  ],
  [
    'an MCP result without content has its JSON as text',
    { structuredContent: { a: 1 }, isError: false },
    { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 }, isError: false },
  ],
  [
    'a date is its JSON',
    new Date(0),
    { content: [{ type: 'text', text: '"1970-01-01T00:00:00.000Z"' }] },
  ],
  [
    'an instance of a class is structured content',
    new (class {})(),
    { content: [{ type: 'text', text: '{}' }], structuredContent: {} },
  ],
  ['a symbol is its name', Symbol('it'), { content: [{ type: 'text', text: 'Symbol(it)' }] }],
])('converts the value that a tool returns: %s', async (_, returned, result) => {
  const tool = defineTool({ name: 'it', run: () => returned })
  expect((await testFunction(tool, {})).result).toEqual(result ?? returned)
})

test('passes the output of the schema to the tool, converted and with defaults', async () => {
  const tool = defineTool({
    name: 'it',
    input: z.object({ at: z.iso.date().transform(it => new Date(it)), days: z.int().default(3) }),
    run: ({ at, days }) => `${at.getUTCFullYear()} ${days}`,
  })
  expect((await testFunction(tool, { at: '2026-07-28' })).text).toBe('2026 3')
})

test('names the paths of invalid arguments, and does not run the tool', async () => {
  let ran = false
  const tool = defineTool({
    name: 'forecast',
    input: z.object({ city: z.string(), days: z.array(z.number()) }),
    run() {
      ran = true
    },
  })
  const { result, isError, text } = await testFunction(tool, {
    city: 1 as unknown as string,
    days: [1, '2' as unknown as number],
  })
  expect(isError).toBe(true)
  expect(result).toMatchObject({ isError: true })
  expect(text).toMatch(/^Invalid arguments for the tool "forecast": city: .+; days\.1: .+/)
  expect(ran).toBe(false)
})

test('sends the message of a thrown error to the client and logs its stack', async () => {
  const error = new RangeError('no such city')
  const tool = defineTool({
    name: 'it',
    async run() {
      throw error
    },
  })
  expect((await testFunction(tool, {})).result).toEqual({
    isError: true,
    content: [{ type: 'text', text: 'no such city' }],
  })
  expect(log).toHaveBeenCalledExactlyOnceWith(error)
})

test('a value that JSON cannot express is an error of the tool', async () => {
  const tool = defineTool({ name: 'it', run: () => ({ size: 1n }) })
  const { isError, text } = await testFunction(tool, {})
  expect(isError).toBe(true)
  expect(text).toContain('BigInt')
})

test('returns the output of the output schema', async () => {
  const tool = defineTool({
    name: 'it',
    output: z.object({ at: z.date().transform(it => it.toISOString()) }),
    run: () => ({ at: new Date(0), secret: 'left out' }),
  })
  expect((await testFunction(tool, {})).result).toMatchObject({
    structuredContent: { at: '1970-01-01T00:00:00.000Z' },
    content: [{ text: '{"at":"1970-01-01T00:00:00.000Z"}' }],
  })
})

test('a value that does not match the output schema is an error, also in an MCP result', async () => {
  const output = z.object({ degrees: z.number() })
  const bare = defineTool({ name: 'it', output, run: () => ({ degrees: 'warm' as never }) })
  expect(await testFunction(bare, {})).toMatchObject({
    isError: true,
    text: expect.stringMatching(/does not match its output schema: degrees: /),
  })
  const result = { content: [], structuredContent: { degrees: 'warm' } }
  const whole = defineTool({ name: 'it', output, run: () => result })
  expect(await testFunction(whole, {})).toMatchObject({ isError: true })
  const refusal = { ...result, content: [{ type: 'text' as const, text: 'no' }], isError: true }
  const refusing = defineTool({ name: 'it', output, run: () => refusal })
  expect((await testFunction(refusing, {})).result).toEqual(refusal)
})

test.each<[string, unknown, string]>([
  ['a value without text', Object.create(null), 'threw an object without a message'],
  ['an object with a message', { message: 'no such city', token: 's3' }, 'no such city'],
  ['an object without one', { token: 's3' }, 'threw an object without a message: throw an Error'],
  [
    'the errors of Node for the addresses of a host',
    new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')]),
    'refused by ::1; refused by 127.0.0.1',
  ],
  [
    'what cannot be read',
    {
      get message() {
        throw new Error()
      },
    },
    'cannot be shown',
  ],
  [
    'an error whose message is no text',
    Object.assign(new Error(), { message: { a: 1 } }),
    '[object',
  ],
  ['nothing', undefined, 'undefined'],
])('throws %s, which is an error result', async (_, thrown, expected) => {
  const tool = defineTool({
    name: 'it',
    run() {
      throw thrown
    },
  })
  expect(await testFunction(tool, {})).toMatchObject({
    isError: true,
    text: expect.stringContaining(expected),
  })
})

test.each<[string, () => unknown]>([
  ['a BigInt', () => ({ id: 1n })],
  ['a circle', () => circle],
  ['an error', () => new RangeError('no such city')],
  ['a response of fetch', () => new Response('data')],
  ['a Map', () => new Map([['city', 'Berlin']])],
  ['a generator', () => iterate()],
  ['a value that is nested too deep', () => JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))],
])('returns %s, which is an error result', async (_, run) => {
  expect(await testFunction(defineTool({ name: 'it', run }), {})).toMatchObject({ isError: true })
})

function* iterate() {
  yield 1
}
const circle: Record<string, unknown> = {}
circle['self'] = circle

test('sends progress and log messages in order, as JSON', async () => {
  const tool = defineTool({
    name: 'it',
    async run(_, ctx) {
      await ctx.progress(1, { total: 2, message: 'half' })
      await ctx.progress(2)
      await ctx.log('info', { at: new Date(0) }, 'it')
      await ctx.log('error', undefined)
    },
  })
  expect(await testFunction(tool, {})).toMatchObject({
    progress: [{ progress: 1, total: 2, message: 'half' }, { progress: 2 }],
    logs: [
      { level: 'info', data: { at: '1970-01-01T00:00:00.000Z' }, logger: 'it' },
      { level: 'error', data: null },
    ],
    rounds: 1,
  })
})

test('rejects progress that is not a number and unknown log levels', async () => {
  const tool = defineTool({
    name: 'it',
    async run(_, ctx) {
      const of = (it: Promise<void>) => it.catch(error => error.message)
      return [await of(ctx.progress(Number.NaN)), await of(ctx.log('warn' as 'warning', 1))]
    },
  })
  const { text, progress, logs } = await testFunction(tool, {})
  expect(text).toMatch(/NaN.+warn.+ is not a log level.+warning/)
  expect([progress, logs]).toEqual([[], []])
})

test('a notification that cannot be sent, and is not awaited, does not end the process', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const tool = defineTool({
    name: 'it',
    async run(_, ctx) {
      void ctx.progress(0 / 0)
      void ctx.log('info', 1n)
      await new Promise(resolve => setImmediate(resolve))
      return 'done'
    },
  })
  expect((await testFunction(tool, {})).text).toBe('done')
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
  expect(log).toHaveBeenCalledTimes(2)
})

test('the context has the caller and a signal that is not aborted yet', async () => {
  const tool = defineTool({
    name: 'it',
    run: (_, { caller, name, clientInfo, signal, lambda }) => ({
      // Narrows by `kind`, as an author does.
      caller: caller.kind === 'iam' ? [caller.accountId, caller.owner, caller.sessionName] : [],
      name,
      clientInfo,
      aborted: signal.aborted,
      left: lambda.getRemainingTimeInMillis() > 0,
    }),
  })
  const context = { clientInfo: { name: 'agent', version: '1' } }
  expect((await testFunction(tool, {}, { context })).result).toMatchObject({
    structuredContent: {
      caller: ['000000000000', '000000000000/AIDATEST', null],
      name: 'it',
      clientInfo: context.clientInfo,
      aborted: false,
      left: true,
    },
  })
})

test('testFunction sends the arguments as JSON', async () => {
  const tool = defineTool({ name: 'it', run: ({ at }) => `${typeof at} ${at}` })
  expect((await testFunction(tool, { at: new Date(0) })).text).toBe(
    'string 1970-01-01T00:00:00.000Z',
  )
})
