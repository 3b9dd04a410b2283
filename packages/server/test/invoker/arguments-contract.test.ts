import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { describe, expect, test } from 'vitest'

import {
  toPromptResult,
  toReadResult,
  toToolResult,
} from '../../src/invoker/contracts/arguments.ts'

const output = (value: unknown) => ({ payload: JSON.stringify(value) ?? '' })
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
  ])('may be %s', (_, value, expected) => {
    expect(toToolResult(output(value))).toEqual(expected)
  })

  test('may be nothing', () => {
    expect(toToolResult({ payload: '' })).toEqual({ content: [] })
  })

  test('that is not JSON is an error', () => {
    expect(toToolResult({ payload: '{"a":' })).toMatchObject({
      isError: true,
      content: text('The function output is not JSON'),
    })
  })

  test('that is a malformed MCP result is an error with the place', () => {
    const result = toToolResult(output({ content: [{ type: 'text', txt: 'typo' }] }))
    expect(result.isError).toBe(true)
    expect(JSON.stringify(result.content)).toContain('content.0')
  })

  test('that failed is an error with its message', () => {
    expect(toToolResult({ failure: 'The function failed with TypeError: x' })).toEqual({
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
  ])('may be %s', (_, value, expected) => {
    expect(read(value)).toEqual({ contents: [expected] })
  })

  test('has the registered media type', () => {
    const registered = { ...resource, mimeType: 'text/csv' } as Resource
    expect(read('a,b', registered).contents[0]).toMatchObject({ mimeType: 'text/csv' })
  })

  test('may be nothing', () => {
    expect(read(null)).toEqual({ contents: [] })
  })

  test('with status 404 means that the resource does not exist', () => {
    expect(() => read({ statusCode: 404, body: '' })).toThrow(
      expect.objectContaining({ code: -32602, data: { uri: 'notes://1' } }),
    )
  })

  test('that failed is a JSON-RPC error', () => {
    expect(() => toReadResult({ failure: 'broken' }, 'notes://1', resource)).toThrow(
      expect.objectContaining({ code: -32603, message: expect.stringContaining('broken') }),
    )
  })

  test('that is a malformed MCP result is a JSON-RPC error', () => {
    expect(() => read({ contents: [{ txt: 1 }] })).toThrow('malformed MCP result')
  })
})

describe('the output of a prompt', () => {
  const get = (value: unknown) => toPromptResult(output(value), prompt)
  const message = (it: string) => ({ role: 'user', content: { type: 'text', text: it } })

  test.each([
    ['a string', 'hi', [message('hi')]],
    ['an object', { a: 1 }, [message('{"a":1}')]],
    ['nothing', null, []],
  ])('may be %s', (_, value, messages) => {
    expect(get(value)).toEqual({ description: 'A prompt', messages })
  })

  test('may be an MCP result', () => {
    const result = { messages: [{ role: 'assistant', content: { type: 'text', text: 'x' } }] }
    expect(get(result)).toEqual(result)
  })

  test('that failed is a JSON-RPC error', () => {
    expect(() => toPromptResult({ failure: 'broken' }, prompt)).toThrow('broken')
  })
})
