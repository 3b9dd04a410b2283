import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'

import { toToolOutput } from '../../src/invoker/contracts/arguments.ts'

const toolResult = async (value: unknown) =>
  (await toToolOutput({ payload: JSON.stringify(value) })).result
const text = (it: string) => [{ type: 'text', text: it }]
const base64 = (it: string | Uint8Array) => Buffer.from(it).toString('base64')
const image = { type: 'image', mimeType: 'image/png', data: base64('png') }

const response = (body: string | Uint8Array, headers: object = {}, more: object = {}) => ({
  statusCode: 200,
  headers,
  body: base64(body),
  isBase64Encoded: true,
  ...more,
})

describe('an HTTP response', () => {
  test.each<[string, object]>([
    ['a status that is text', { statusCode: '200', body: 'hi' }],
    ['a status line', { statusCode: 200, statusDescription: '200 OK', body: 'hi' }],
    ['no headers but cookies', { statusCode: 200, cookies: [], body: 'hi' }],
    ['null headers', { statusCode: 200, headers: null, multiValueHeaders: null, body: 'hi' }],
    ['base64 without a type', response('hi', {})],
    ['base64 without headers', { statusCode: 200, body: base64('hi'), isBase64Encoded: true }],
    ['unpadded base64 for URLs', { ...response('hi'), body: 'aGk' }],
  ])('may have %s', async (_, value) => {
    expect(await toolResult(value)).toEqual({ content: text('hi') })
  })

  test.each<[string, object]>([
    ['IMAGE/PNG', { 'Content-Type': 'IMAGE/PNG' }],
    ['parameters', { 'content-type': 'image/png; charset=binary' }],
    ['a list', { 'content-type': ['image/png'] }],
  ])('may have an image type with %s', async (_, headers) => {
    expect(await toolResult(response('png', headers))).toEqual({ content: [image] })
  })

  test('may have multiValueHeaders', async () => {
    const multiValueHeaders = { 'Content-Type': ['image/png'], 'Content-Encoding': ['gzip'] }
    const more = { multiValueHeaders, headers: undefined }
    expect(await toolResult(response(gzipSync('png'), {}, more))).toEqual({ content: [image] })
    const { headers, ...value } = response('png', {}, { multiValueHeaders: { a: ['b'] } })
    expect(await toolResult(value)).toEqual({ content: text('png') })
  })

  test.each([
    'application/yaml',
    'application/x-yaml',
    'application/x-ndjson',
    'application/jsonl',
    'text/csv',
    'application/csv',
    'image/svg+xml',
    'IMAGE/SVG+XML; charset=UTF-8',
    'application/problem+json',
    'application/javascript',
    'application/x-www-form-urlencoded',
    'application/toml',
    'text/html',
  ])('in base64 with the type %s is text', async type => {
    expect((await toolResult(response('a: ü', { 'content-type': type }))).content).toEqual(
      text('a: ü'),
    )
  })

  test.each([
    ['application/pdf', 'x'],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'x'],
    ['application/octet-stream', 'x'],
    ['text/plain', Uint8Array.of(0xff, 0xfe, 0xfd)],
    [undefined, Uint8Array.of(0x89, 0x50, 0x4e, 0x47)],
    [undefined, Uint8Array.of(1, 0, 1)],
  ])('in base64 with the type %s may be bytes: %j', async (type, body) => {
    const [block] = (await toolResult(response(body, type ? { 'content-type': type } : {}))).content
    expect(block).toEqual({
      type: 'resource',
      resource: { uri: 'data:', mimeType: type ?? 'application/octet-stream', blob: base64(body) },
    })
  })

  test('in base64 has its text decoded from its character set', async () => {
    const latin = { 'content-type': 'text/plain; charset=ISO-8859-1' }
    expect((await toolResult(response(Uint8Array.of(0xfc), latin))).content).toEqual(text('ü'))
    const unknown = { 'content-type': 'text/plain; charset=klingon' }
    expect((await toolResult(response('ü', unknown))).content).toEqual(text('ü'))
  })

  test.each([
    ['gzip', gzipSync('{"a":1}')],
    ['GZIP', gzipSync('{"a":1}')],
    ['br', brotliCompressSync('{"a":1}')],
    ['deflate', deflateSync('{"a":1}')],
    ['identity', Buffer.from('{"a":1}')],
    ['gzip, br', brotliCompressSync(gzipSync('{"a":1}'))],
  ])('may have the content-encoding %s', async (encoding, body) => {
    const headers = { 'Content-Encoding': encoding, 'content-type': 'application/json' }
    expect(await toolResult(response(body, headers))).toEqual({
      content: text('{"a":1}'),
      structuredContent: { a: 1 },
    })
  })

  test('may have an encoding and no body', async () => {
    const headers = { 'content-encoding': 'gzip' }
    expect(await toolResult({ statusCode: 204, headers })).toEqual({ content: [] })
    expect(await toolResult(response('', headers))).toEqual({ content: text('') })
  })

  test.each<[string, object]>([
    ['is not valid gzip', response('no gzip', { 'content-encoding': 'gzip' })],
    ['"compress" is not supported', response('x', { 'content-encoding': 'compress' })],
    ['"constructor" is not supported', response('x', { 'content-encoding': 'constructor' })],
    ['more than 3 content-encodings', response('x', { 'content-encoding': 'br,br,br,br' })],
    ['is not base64', { ...response('x'), body: 'a!b' }],
    [
      'more than 20971520 bytes',
      response(gzipSync(Buffer.alloc(20 * 1024 * 1024 + 1)), { 'content-encoding': 'gzip' }),
    ],
  ])('that cannot be read is an error: %s', async (expected, value) => {
    expect(await toolResult(value)).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining(expected) }],
    })
  })

  test.each([
    ['text', { body: 'no such city' }, ': no such city'],
    ['JSON', { body: { code: 'x' } }, ': {"code":"x"}'],
    ['compressed text', response(gzipSync('no'), { 'content-encoding': 'gzip' }), ': no'],
    ['an image', response('x', { 'content-type': 'image/png' }), ': a body of image/png'],
    ['nothing', {}, ''],
    ['null', { body: null }, ''],
  ])('with status 404 is an error with its body: %s', async (_, value, detail) => {
    const expected = { isError: true, content: text(`The function returned status 404${detail}`) }
    for (const statusCode of [404, '404'])
      expect(await toolResult({ ...value, statusCode })).toEqual(expected)
  })

  test('that is an error is not cut', async () => {
    const body = 'x'.repeat(100_000)
    expect(JSON.stringify(await toolResult({ statusCode: 500, body }))).toContain(body)
  })

  test.each<object>([
    { statusCode: 'ok', body: 'x' },
    { statusCode: 99, body: 'x' },
    { statusCode: 700, body: 'x' },
    { statusCode: 200.5, body: 'x' },
    { statusCode: '2000', body: 'x' },
    { statusCode: 200, reason: 'x' },
    { statusCode: null, body: 'x' },
  ])('is not every object with a statusCode: %j', async value => {
    expect(await toolResult(value)).toEqual({
      content: text(JSON.stringify(value)),
      structuredContent: value,
    })
  })
})
