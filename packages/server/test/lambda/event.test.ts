import { expect, test } from 'vitest'

import { createGateway } from '../../src/gateway/gateway.ts'
import type { FunctionUrlEvent } from '../../src/lambda/event.ts'
import { toHttpRequest, toRequest } from '../../src/lambda/event.ts'
import { bufferedHandler } from '../../src/lambda/handler.ts'
import { toWeb } from '../support/event-stream.ts'

const event = (method: string, more: Partial<FunctionUrlEvent> = {}): FunctionUrlEvent => ({
  rawPath: '/sse',
  rawQueryString: '',
  headers: {},
  isBase64Encoded: false,
  requestContext: {
    domainName: 'abc.lambda-url.eu-central-1.on.aws',
    requestId: 'r',
    http: { method },
    authorizer: {
      iam: { userArn: 'arn:aws:iam::123456789012:user/a', accountId: '123456789012' },
    },
  },
  ...more,
})

/** No request here gets as far as the seams. */
const serve = createGateway({ publicPath: '' } as never)
const gateway = bufferedHandler(async (request, exchange) => {
  const { method, url } = request
  const path = new URL(url).pathname
  const http = { method, path, query: '', headers: {}, text: undefined, toRequest: () => request }
  const response = await serve(http, exchange)
  return toWeb(response)
})
const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => 30_000 }

test.each(['TRACE', 'trace', 'TRACK', 'CONNECT', 'toString', 'constructor', '__proto__', 'get '])(
  'the method %s gets an error of ours',
  async method => {
    const { statusCode, body } = await gateway(event(method), context)
    expect([400, 405]).toContain(statusCode)
    expect(JSON.parse(body).error.message).toBeTruthy()
  },
)

test.each<[string, Partial<FunctionUrlEvent>]>([
  ['a header with characters beyond bytes', { headers: { 'x-name': 'Łukasz 名' } }],
  ['a path that is not valid', { rawPath: '//evil.example/%E0%A4%A/../..' }],
  ['a query that is not valid', { rawQueryString: '%%%=&&==' }],
  ['a header name that is not valid', { headers: { 'a b': 'c' } }],
  ['a header value with a line break', { headers: { a: 'b\r\nc: d' } }],
])('%s is no fault of the gateway', async (_, more) => {
  const { statusCode } = await gateway(event('PUT', more), context)
  expect(statusCode).toBeGreaterThanOrEqual(400)
  expect(statusCode).toBeLessThan(500)
})

test('a host that is not valid is no fault of the gateway', async () => {
  const odd = event('GET')
  odd.requestContext.domainName = 'a b'
  expect((await gateway(odd, context)).statusCode).toBe(400)
})

test('a header value keeps the bytes that were sent', () => {
  const { headers } = toRequest(event('GET', { headers: { name: 'Łukasz' } }))
  expect(Buffer.from(headers.get('name') ?? '', 'latin1').toString()).toBe('Łukasz')
})

test('a body that Lambda has decoded with a loss is not read as text', async () => {
  const bodyOf = async (body: string, length: string | undefined) => {
    const headers: Record<string, string> = length ? { 'content-length': length } : {}
    const { text, toRequest } = toHttpRequest(event('POST', { headers, body }))
    return [
      text,
      await new TextDecoder('utf-8', { fatal: true }).decode(await toRequest().arrayBuffer()),
    ]
  }
  await expect(bodyOf('"\ufffd"', '3')).rejects.toThrow()
  for (const length of ['5', undefined])
    expect(await bodyOf('"\ufffd"', length)).toEqual(['"\ufffd"', '"\ufffd"'])
})
