import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { describe, expect, test } from 'vitest'

import {
  toPromptResult,
  toReadResult,
  toToolOutput,
} from '../../src/invoker/contracts/arguments.ts'
import { fitToClient } from '../../src/invoker/contracts/structured-content.ts'
import type { Outcome } from '../../src/invoker/invoker.ts'

const output = (value: unknown) => ({ payload: JSON.stringify(value) ?? '' })
const toToolResult = async (outcome: Outcome, takesAnyStructure = false) =>
  fitToClient(await toToolOutput(outcome), takesAnyStructure)
const text = (it: string) => [{ type: 'text', text: it }]
const resource = { name: 'r', mimeType: undefined } as unknown as Resource
const prompt = { name: 'p', description: 'A prompt' } as unknown as Prompt

describe('the output of a tool', () => {
  test.each([
    [
      'an MCP result',
      { content: text('hi'), isError: true },
      { content: text('hi'), isError: true },
    ],
    ['a string', 'hi', { content: text('hi') }],
    ['a number', 42, { content: text('42') }],
    ['a list', [1, 2], { content: text('[1,2]') }],
    ['an object', { a: 1 }, { content: text('{"a":1}'), structuredContent: { a: 1 } }],
    ['null', null, { content: [] }],
    ['an HTTP response', { statusCode: 200, body: 'hi' }, { content: text('hi') }],
    [
      'an HTTP response with a JSON body',
      { statusCode: 200, headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' },
      { content: text('{"a":1}'), structuredContent: { a: 1 } },
    ],
    ['an HTTP response without a body', { statusCode: 204 }, { content: [] }],
    [
      'an HTTP response with base64 text',
      {
        statusCode: 200,
        headers: { 'content-type': 'text/plain' },
        body: 'aGk=',
        isBase64Encoded: true,
      },
      { content: text('hi') },
    ],
    [
      'an image',
      {
        statusCode: 200,
        headers: { 'content-type': 'image/png' },
        body: 'aGk=',
        isBase64Encoded: true,
      },
      { content: [{ type: 'image', mimeType: 'image/png', data: 'aGk=' }] },
    ],
    [
      'an HTTP error',
      { statusCode: 404, body: 'no such city' },
      { isError: true, content: text('The function returned status 404: no such city') },
    ],
    [
      'an object that only looks like an HTTP response',
      { statusCode: 7, reason: 'x' },
      {
        content: text('{"statusCode":7,"reason":"x"}'),
        structuredContent: { statusCode: 7, reason: 'x' },
      },
    ],
    [
      'an object with a field "content" that is text',
      { content: 'prose' },
      { content: text('{"content":"prose"}'), structuredContent: { content: 'prose' } },
    ],
  ])('may be %s', async (_, value, expected) => {
    expect(await toToolResult(output(value))).toEqual(expected)
  })

  test('may be nothing', async () => {
    expect(await toToolResult({ payload: '' })).toEqual({ content: [] })
  })

  test('that is not JSON is an error', async () => {
    expect(await toToolResult({ payload: '{"a":' })).toMatchObject({
      isError: true,
      content: text('The function output is not JSON'),
    })
  })

  test.each<[string, Record<string, unknown>]>([
    ['entries that are no content blocks', { content: [{ id: 1 }], totalPages: 1 }],
    ['an entry with a mistake', { content: [{ type: 'text', txt: 'typo' }] }],
    ['a valid entry and another', { content: [{ type: 'text', text: 'x' }, 7] }],
    ['no entries, and a member that MCP does not know', { content: [], totalPages: 0 }],
    ['isError that is no boolean', { content: [{ type: 'text', text: 'x' }], isError: 'no' }],
    ['another resultType', { content: [{ type: 'text', text: 'x' }], resultType: 'task' }],
    ['no content but _meta', { _meta: {} }],
    ['structuredContent and a member that MCP does not know', { structuredContent: {}, id: 1 }],
    ['the messages of a chat', { messages: [{ role: 'user', content: 'hi' }] }],
    ['no member', {}],
  ])('that only looks like an MCP result is plain JSON: %s', async (_, value) => {
    const json = JSON.stringify(value)
    expect(await toToolResult(output(value))).toEqual({
      content: text(json),
      structuredContent: value,
    })
  })

  test.each<[string, object, object]>([
    [
      'a model as Python dumps it',
      {
        meta: null,
        content: [{ type: 'text', text: 'hi', annotations: null, meta: null }],
        structuredContent: null,
        isError: false,
      },
      { content: text('hi'), isError: false },
    ],
    [
      'null in nested optional members',
      {
        content: [
          { type: 'text', text: 'hi', annotations: { audience: null, priority: 1 }, _meta: null },
          { type: 'resource', resource: { uri: 'a:b', text: 'c', mimeType: null, _meta: null } },
          { type: 'resource_link', uri: 'a:b', name: 'n', icons: [{ src: 's', sizes: null }] },
        ],
        isError: null,
        _meta: null,
      },
      {
        content: [
          { type: 'text', text: 'hi', annotations: { priority: 1 } },
          { type: 'resource', resource: { uri: 'a:b', text: 'c' } },
          { type: 'resource_link', uri: 'a:b', name: 'n', icons: [{ src: 's' }] },
        ],
      },
    ],
    ['null in structuredContent', { structuredContent: { a: null } }, twin('{"a":null}')],
    ['no content', { structuredContent: { a: 1 }, isError: false }, twin('{"a":1}', false)],
    ['null for content', { content: null, structuredContent: { a: 1 } }, twin('{"a":1}')],
    ['empty content', { content: [], structuredContent: { a: 1 } }, twin('{"a":1}')],
    ['nothing but empty content', { content: [], meta: null }, { content: [] }],
    [
      'content of its own',
      { content: text('one'), structuredContent: { a: 1 } },
      { content: text('one'), structuredContent: { a: 1 } },
    ],
    [
      'a member that MCP does not know',
      { content: text('one'), totalPages: 1 },
      { content: text('one'), totalPages: 1 },
    ],
    [
      'a body that is one',
      { statusCode: 200, body: { content: text('x') } },
      { content: text('x') },
    ],
  ])('may be an MCP result with %s', async (_, value, expected) => {
    expect(await toToolResult(output(value))).toEqual(expected)
  })

  function twin(json: string, isError?: boolean) {
    const structuredContent = JSON.parse(json)
    return { content: text(json), structuredContent, ...(isError === undefined ? {} : { isError }) }
  }

  test.each<[unknown, string]>([
    [[1, 2], '[1,2]'],
    ['text', '"text"'],
    [0, '0'],
    [false, 'false'],
  ])('may have structuredContent that is no object: %j', async (structuredContent, json) => {
    for (const content of [undefined, [], text('own'), text(` ${json} `)]) {
      const payload = output({ content, structuredContent })
      const isThere = content?.[0]?.text.trim() === json
      const texts = [...(content ?? []), ...(isThere ? [] : text(json))]
      expect(await toToolResult(payload)).toEqual({ content: texts })
      const current = { content: content?.length ? content : text(json), structuredContent }
      expect(await toToolResult(payload, true)).toEqual(current)
    }
  })

  test.each([
    '{ "a": 1.0,\t"ü": "\\u00fc" }',
    '{"id":9007199254740993,"more":{"n":[0.1234567890123456789]}}',
    '[1e400]',
    '12345678901234567890',
    ' {"a" : 1}\n',
  ])('is the text of the function, byte for byte: %s', async payload => {
    expect((await toToolResult({ payload })).content).toEqual(text(payload))
    const body = await toToolResult({ payload: `{"statusCode": 200, "body":${payload}}` })
    expect(body.content).toEqual(text(payload.trim()))
    expect((await toToolResult(output({ statusCode: 200, body: payload }))).content).toEqual(
      text(payload),
    )
  })

  test.each(['{"a":9007199254740993}', '{"a":[0.1234567890123456789]}', '{"a":1e400}'])(
    'has no structuredContent where that would be wrong: %s',
    async json => {
      for (const takesAny of [false, true]) {
        expect(await toToolResult({ payload: json }, takesAny)).toEqual({ content: text(json) })
        const own = `{"content":[{"type":"text","text":"own"}],"structuredContent":${json}}`
        expect(await toToolResult({ payload: own }, takesAny)).toEqual({
          content: [...text('own'), ...text(json)],
        })
        const both = JSON.stringify({ content: text(json.replace(':', ': ')) })
        const twice = `${both.slice(0, -1)},"structuredContent":${json}}`
        expect((await toToolResult({ payload: twice }, takesAny)).content).toHaveLength(1)
      }
    },
  )

  test.each(['{"a":1.0}', '{"a":1e3}', '{"a":0.10000000000000001}', '{"a":9007199254740994}'])(
    'has structuredContent where only the spelling differs: %s',
    async payload => {
      expect((await toToolResult({ payload })).structuredContent).toEqual(JSON.parse(payload))
    },
  )

  test('with a number in _meta that JavaScript cannot hold has its digits', async () => {
    const payload =
      '{"content":[{"type":"text","text":"x","annotations":{"priority":0.12345678901234567890}}],"_meta":{"a":[9007199254740993,1.0]}}'
    const meta = '{"content":[],"_meta":{"a":[9007199254740993,1.0]}}'
    expect((await toToolResult({ payload: meta }))._meta).toEqual({ a: ['9007199254740993', 1] })
    expect((await toToolResult({ payload })).content).toHaveLength(1)
  })

  test('that is nested too deep is an error', async () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    for (const payload of [deep(201), deep(100_000), `{"a":${deep(100_000)}}`])
      expect(await toToolResult({ payload })).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('nested deeper than 200 levels') }],
      })
    expect(await toToolResult({ payload: deep(200) })).toEqual({ content: text(deep(200)) })
    expect(await toToolResult(output(deep(100_000)))).toEqual({ content: text(deep(100_000)) })
    const body = { statusCode: 200, body: deep(100_000) }
    expect(await toToolResult(output(body))).toEqual({ content: text(deep(100_000)) })
  })

  test('that failed is an error with its message', async () => {
    expect(await toToolResult({ failure: 'The function failed with TypeError: x' })).toEqual({
      isError: true,
      content: text('The function failed with TypeError: x'),
    })
  })
})

describe('the output of a resource', () => {
  const read = (value: unknown, it = resource) => toReadResult(output(value), 'notes://1', it)

  test.each([
    ['a string', 'hi', { uri: 'notes://1', mimeType: 'text/plain', text: 'hi' }],
    ['an object', { a: 1 }, { uri: 'notes://1', mimeType: 'application/json', text: '{"a":1}' }],
    [
      'a file',
      {
        statusCode: 200,
        headers: { 'content-type': 'image/png' },
        body: 'aGk=',
        isBase64Encoded: true,
      },
      { uri: 'notes://1', mimeType: 'image/png', blob: 'aGk=' },
    ],
    [
      'an MCP result',
      { contents: [{ uri: 'notes://1', text: 'x' }] },
      { uri: 'notes://1', text: 'x' },
    ],
  ])('may be %s', async (_, value, expected) => {
    expect(await read(value)).toEqual({ contents: [expected] })
  })

  test('has the registered media type', async () => {
    const registered = { ...resource, mimeType: 'text/csv' } as Resource
    expect((await read('a,b', registered)).contents[0]).toMatchObject({ mimeType: 'text/csv' })
  })

  test('may be nothing', async () => {
    expect(await read(null)).toEqual({ contents: [] })
  })

  test('with status 404 means that the resource does not exist', async () => {
    await expect(read({ statusCode: 404, body: '' })).rejects.toThrow(
      expect.objectContaining({ code: -32602, data: { uri: 'notes://1' } }),
    )
  })

  test('that failed is a JSON-RPC error', async () => {
    await expect(toReadResult({ failure: 'broken' }, 'notes://1', resource)).rejects.toThrow(
      expect.objectContaining({ code: -32603, message: expect.stringContaining('broken') }),
    )
  })

  test.each<object>([
    { contents: [{ txt: 1 }] },
    { contents: [{ uri: 'a:b' }] },
    { contents: [], total: 0 },
    { contents: 'prose' },
  ])('that only looks like an MCP result is plain JSON: %j', async value => {
    const json = { uri: 'notes://1', mimeType: 'application/json', text: JSON.stringify(value) }
    expect(await read(value)).toEqual({ contents: [json] })
  })

  test('may have null in optional members', async () => {
    const contents = [{ uri: 'a:b', mimeType: null, text: 'x', _meta: null, blob: null }]
    expect(await read({ contents, _meta: null })).toEqual({ contents: [{ uri: 'a:b', text: 'x' }] })
    expect(await read({ contents: [] })).toEqual({ contents: [] })
  })

  test('has the media type of an HTTP response where none is registered', async () => {
    const headers = { 'content-type': 'Text/CSV; charset=utf-8' }
    const value = { statusCode: 200, headers, body: 'a,b' }
    expect((await read(value)).contents[0]).toMatchObject({ mimeType: 'text/csv', text: 'a,b' })
  })

  test('is the text of the function, byte for byte', async () => {
    const payload = '{ "id": 9007199254740993 }'
    const { contents } = await toReadResult({ payload }, 'notes://1', resource)
    expect(contents[0]).toMatchObject({ text: payload })
  })
})

describe('the output of a prompt', () => {
  const get = (value: unknown) => toPromptResult(output(value), prompt)
  const message = (it: string) => ({ role: 'user', content: { type: 'text', text: it } })

  test.each([
    ['a string', 'hi', [message('hi')]],
    ['an object', { a: 1 }, [message('{"a":1}')]],
    ['nothing', null, []],
  ])('may be %s', async (_, value, messages) => {
    expect(await get(value)).toEqual({ description: 'A prompt', messages })
  })

  test('may be an MCP result', async () => {
    const result = { messages: [{ role: 'assistant', content: { type: 'text', text: 'x' } }] }
    expect(await get(result)).toEqual(result)
  })

  test.each<object>([
    { messages: [{ role: 'user', content: 'hi' }] },
    { messages: [{ role: 'system', content: { type: 'text', text: 'x' } }] },
    { messages: [], total: 0 },
  ])('that only looks like an MCP result is plain JSON: %j', async value => {
    expect((await get(value)).messages).toEqual([message(JSON.stringify(value))])
  })

  test('may have null in optional members', async () => {
    const content = { type: 'text', text: 'x', annotations: null, _meta: null }
    const value = { description: null, messages: [{ role: 'user', content }], _meta: null }
    expect(await get(value)).toEqual({ messages: [message('x')] })
  })

  test('may be an image', async () => {
    const headers = { 'content-type': 'image/png' }
    const value = { statusCode: 200, headers, body: 'aGk=', isBase64Encoded: true }
    const content = { type: 'image', data: 'aGk=', mimeType: 'image/png' }
    expect((await get(value)).messages).toEqual([{ role: 'user', content }])
  })

  test('that failed is a JSON-RPC error', async () => {
    await expect(toPromptResult({ failure: 'broken' }, prompt)).rejects.toThrow('broken')
  })
})
