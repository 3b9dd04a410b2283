import { runInNewContext } from 'node:vm'

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'

import { definePrompt, defineResource, testFunction } from '../src/index.ts'

let log: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  log = vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => log.mockRestore())

const bytes = new Uint8Array([0, 1, 2, 255]).subarray(1)

test.each([
  ['a string is text', 'hi', undefined, { mimeType: 'text/plain', text: 'hi' }],
  [
    'a string has the MIME type of the resource',
    'hi',
    'text/csv',
    { mimeType: 'text/csv', text: 'hi' },
  ],
  ['an empty string is a resource', '', undefined, { mimeType: 'text/plain', text: '' }],
  ['bytes are a blob', bytes, undefined, { mimeType: 'application/octet-stream', blob: 'AQL/' }],
  [
    'an ArrayBuffer is a blob',
    Uint8Array.from(bytes).buffer,
    undefined,
    { mimeType: 'application/octet-stream', blob: 'AQL/' },
  ],
  [
    'bytes of another realm are a blob',
    runInNewContext('new Uint8Array([0, 1, 2, 255]).subarray(1)'),
    undefined,
    { mimeType: 'application/octet-stream', blob: 'AQL/' },
  ],
  ['a buffer is a blob', Buffer.from(bytes), 'image/png', { mimeType: 'image/png', blob: 'AQL/' }],
  ['an object is JSON', { a: 1 }, undefined, { mimeType: 'application/json', text: '{"a":1}' }],
  [
    'an object that only looks like an MCP result is JSON',
    { contents: [{ id: 1 }] },
    undefined,
    { mimeType: 'application/json', text: '{"contents":[{"id":1}]}' },
  ],
])('converts the value that a resource returns: %s', async (_, returned, mimeType, content) => {
  const it = defineResource({
    name: 'it',
    uri: 'a://b',
    ...(mimeType && { mimeType }),
    read: () => returned,
  })
  expect((await testFunction(it, {})).result).toEqual({ contents: [{ uri: 'a://b', ...content }] })
})

test('returns an MCP result of a resource unchanged', async () => {
  const result = {
    contents: [
      { uri: 'x://y', text: '1' },
      { uri: 'x://z', text: '2' },
    ],
  }
  const it = defineResource({ name: 'it', uri: 'a://b', read: () => result })
  expect(await testFunction(it, {})).toMatchObject({ result, text: '1\n2' })
})

test('a resource that returns undefined is not found, and one that throws is an error', async () => {
  const nothing = defineResource({ name: 'it', uriTemplate: 'a://{id}', read: () => undefined })
  expect(await testFunction(nothing, { uri: 'a://b', variables: { id: 'b' } })).toMatchObject({
    error: { code: -32602, message: 'Resource not found: a://b', data: { uri: 'a://b' } },
    isError: true,
  })
  expect(log).not.toHaveBeenCalled()
  const failing = defineResource({
    name: 'it',
    uri: 'a://b',
    read() {
      throw new Error('the disk is full')
    },
  })
  expect((await testFunction(failing, {})).error).toEqual({
    code: -32603,
    message: 'the disk is full',
  })
  expect(log).toHaveBeenCalledOnce()
})

test('a resource or a prompt that returns an error, or what JSON loses, is an error', async () => {
  for (const [returned, message] of [
    [new RangeError('no such note'), 'no such note'],
    [new Set([1]), 'The function returned a Set, of which JSON keeps nothing'],
  ] as const) {
    const resource = defineResource({ name: 'it', uri: 'a://b', read: () => returned })
    const prompt = definePrompt({ name: 'it', get: () => returned })
    for (const { error } of [await testFunction(resource, {}), await testFunction(prompt, {})])
      expect(error).toEqual({ code: -32603, message: expect.stringContaining(message) })
  }
})

test('a resource gets the URI, the variables of its URI template and the context', async () => {
  const it = defineResource({
    name: 'notes',
    uriTemplate: 'notes://{id}{/path*}',
    read: (uri, { id, path }, ctx) => [uri, id, path, ctx.name].flat().join(' '),
  })
  const variables = { id: 'a b', path: ['c', 'd'] }
  expect((await testFunction(it, { uri: 'notes://a%20b/c,d', variables })).text).toBe(
    'notes://a%20b/c,d a b c d notes',
  )
})

test('a resource and a prompt can ask the client for input', async () => {
  const answers = { ok: { action: 'accept', content: {} } } as const
  const resource = defineResource({
    name: 'it',
    uri: 'a://b',
    read: async (_uri, _variables, ctx) => (await ctx.elicit('ok', { message: '?' })).action,
  })
  expect(await testFunction(resource, {}, { answers })).toMatchObject({ text: 'accept', rounds: 2 })
  const prompt = definePrompt({
    name: 'it',
    get: async (_, ctx) => (await ctx.elicit('ok', { message: '?' })).action,
  })
  expect(await testFunction(prompt, {}, { answers })).toMatchObject({ text: 'accept', rounds: 2 })
})

const message = (text: string) => ({ role: 'user', content: { type: 'text', text } })

test.each([
  ['a string is a message of the user', 'hi', { messages: [message('hi')] }],
  ['an object is its JSON', { a: 1 }, { messages: [message('{"a":1}')] }],
  ['undefined is no message', undefined, { messages: [] }],
  ['a symbol is its name', Symbol('it'), { messages: [message('Symbol(it)')] }],
])('converts the value that a prompt returns: %s', async (_, returned, result) => {
  const it = definePrompt({ name: 'it', description: 'what it is', get: () => returned })
  expect((await testFunction(it, {})).result).toEqual({ description: 'what it is', ...result })
})

test('returns an MCP result of a prompt unchanged', async () => {
  const result = { messages: [message('a'), { ...message('b'), role: 'assistant' }] }
  const it = definePrompt({ name: 'it', description: 'left out', get: () => result })
  expect(await testFunction(it, {})).toMatchObject({ text: 'a\nb' })
  expect((await testFunction(it, {})).result).toEqual(result)
})

test('converts the arguments of a prompt, and refuses those that do not match its schema', async () => {
  const it = definePrompt({
    name: 'plan',
    arguments: z.object({ days: z.coerce.number<string>().int() }),
    get: ({ days }) => `${days + 1}`,
  })
  expect((await testFunction(it, { days: '3' })).text).toBe('4')
  expect((await testFunction(it, { days: 'x' })).error).toMatchObject({
    code: -32602,
    message: expect.stringMatching(/^Invalid arguments for the prompt "plan": days: /),
  })
})

const context = { type: 'prompt', name: 'it', caller: {} }
const completion = (name: string, value: string, args = {}) => ({
  method: 'completion/complete',
  params: { ref: {}, argument: { name, value }, context: { arguments: args } },
  context,
})

test('completes the arguments that have a completion', async () => {
  const it = definePrompt({
    name: 'it',
    arguments: [{ name: 'city' }, { name: 'many' }, { name: 'none' }],
    get: () => '',
    complete: {
      city: (value, { arguments: { country } }) => [`${value}lin in ${country}`],
      many: async () => Array.from({ length: 101 }, (_, n) => `${n}`),
    },
  })
  expect(await it(completion('city', 'Ber', { country: 'DE' }))).toEqual({
    result: { completion: { values: ['Berlin in DE'], total: 1, hasMore: false } },
  })
  expect(await it(completion('many', ''))).toMatchObject({
    result: { completion: { values: { length: 100 }, total: 101, hasMore: true } },
  })
  for (const name of ['none', 'constructor'])
    expect(await it(completion(name, ''))).toMatchObject({ error: { code: -32601 } })
})
