import type { ServerResponse } from 'node:http'

import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { signedOperations } from '../../src/dynamodb/signed-operations.ts'
import { ourError, type Respond, sdkError, startAwsServer } from './aws-server.ts'

// Without pauses between attempts.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(() => void vi.restoreAllMocks())

const input = { TableName: 't', Key: { id: { S: 'i' } } }
const ours = (server: Awaited<ReturnType<typeof startAwsServer>>, attempts?: number) =>
  signedOperations({ service: 'dynamodb', ...server.service }, attempts)('GetItem', input)
const theirs = (server: Awaited<ReturnType<typeof startAwsServer>>) =>
  new DynamoDBClient({ ...server.sdk, maxAttempts: 4 }).send(new GetItemCommand(input))

const json =
  (status: number, body: object | string, headers = {}): Respond =>
  response =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
const typed = (type: string, status = 400, more = {}) =>
  json(status, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'why', ...more })

const CancellationReasons = [{ Code: 'None' }, { Code: 'ThrottlingError', Message: 'slow' }]

test.each<[string, Respond]>([
  ['throttled', typed('ProvisionedThroughputExceededException')],
  ['throttled by the account', typed('RequestLimitExceeded')],
  ['throttled by the service', typed('ThrottlingException')],
  ['throttled by status', json(429, {})],
  [
    'a refused condition',
    typed('ConditionalCheckFailedException', 400, { Item: { a: { S: 'b' } } }),
  ],
  ['a cancelled transaction', typed('TransactionCanceledException', 400, { CancellationReasons })],
  ['a transaction in progress', typed('TransactionInProgressException')],
  ['a conflict', typed('TransactionConflictException')],
  ['a conflict of replicas', typed('ReplicatedWriteConflictException')],
  ['a validation error', typed('ValidationException')],
  ['a missing table', typed('ResourceNotFoundException')],
  [
    'a denied request',
    json(400, { __type: 'com.amazon.coral.service#AccessDeniedException', Message: 'no' }),
  ],
  [
    'an old signature',
    json(400, {
      __type: 'InvalidSignatureException',
      message: 'Signature expired: 1 is now earlier than 2',
    }),
  ],
  ['a wrong signature', json(400, { __type: 'InvalidSignatureException', message: 'wrong' })],
  ['a fault', typed('InternalServerError', 500)],
  ['a fault with an unknown status', typed('Odd', 507)],
  ['an unknown error', typed('SomethingNew')],
  ['an empty message', json(400, { __type: 'ValidationException', message: '' })],
  ['a name in the header', json(400, { message: 'm' }, { 'x-amzn-errortype': 'Named:http://x' })],
  ['a name as code', json(400, { Code: 'a#Coded,b', message: 'm' })],
  ['three names', json(400, { __type: 'a', code: 'b', message: 'm' }, { 'x-amzn-errortype': 'c' })],
  ['two names', json(400, { code: 'b', message: 'm' }, { 'x-amzn-errortype': 'c' })],
  ['500 without a body', json(500, '')],
  ['502 of a proxy', json(502, '{}')],
  ['HTML', json(503, '<html>busy</html>', { 'content-type': 'text/html' })],
  ['success that is cut', json(200, '{"Item":')],
])('%s is the error of the AWS SDK, after as many attempts', async (_, respond) => {
  const [our, their] = [await startAwsServer(respond), await startAwsServer(respond)]
  const error = await ourError(ours(our))
  const expected = await sdkError(theirs(their))
  expect(error.name).toBe(expected.name)
  // To an error that is not JSON, the SDK adds a line on how to debug it.
  expect(error.message).toBe(expected.message.split('\n')[0])
  expect(error.CancellationReasons).toEqual(expected.CancellationReasons)
  expect(error.status).toBe(expected.$metadata.httpStatusCode)
  expect(error.attempts).toBe(expected.$metadata.attempts)
  expect(our.requests).toHaveLength(their.requests.length)
})

/** Ends a connection in the middle of a response. */
const cutBody: Respond = response => {
  response.writeHead(200, { 'content-length': 100 }).write('{"Item"', () => response.destroy())
}
const cut: Respond = response => response.destroy()

test.each([
  ['without a response', cut],
  ['in the middle of a response', cutBody],
])('a connection that breaks %s is tried four times', async (_, respond) => {
  const server = await startAwsServer(respond)
  const error = await ourError(ours(server))
  expect([error.name, error.attempts]).toEqual(['TimeoutError', 4])
  expect(server.requests).toHaveLength(4)
})

test.each([
  ['a connection breaks', cut],
  ['a response breaks', cutBody],
  ['DynamoDB throttles', typed('ThrottlingException')],
  ['DynamoDB fails', json(500, '')],
])('an operation succeeds after an attempt in which %s', async (_, fail) => {
  const server = await startAwsServer((response, nth) =>
    nth === 1 ? fail(response, nth) : response.end('{"Item":{"n":{"N":"1.10"}}}'),
  )
  // A number is text: it keeps its digits.
  expect(await ours(server)).toEqual({ Item: { n: { N: '1.10' } } })
  expect(server.requests).toHaveLength(2)
})

/** The clock of the client; the sockets are real. */
const fakeTimers = () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
afterEach(() => void vi.useRealTimers())

test.each<[string, (response: ServerResponse) => unknown]>([
  ['does not begin', () => {}],
  ['does not end', response => response.writeHead(200, { 'content-length': 9 }).write('{')],
])('a response that %s is given up after five seconds, and tried again', async (_, respond) => {
  fakeTimers()
  const server = await startAwsServer((response, nth) => {
    if (nth === 3) return response.end('{}')
    respond(response)
    setImmediate(() => vi.advanceTimersByTime(5_000))
  })
  expect(await ours(server)).toEqual({})
  expect(server.requests).toHaveLength(3)
  expect(vi.getTimerCount()).toBe(0)
})

test('a connection that is not open after two seconds is tried again', async () => {
  fakeTimers()
  const server = await startAwsServer()
  const sending = ours(server)
  // The socket exists and has had no time to connect.
  await new Promise(process.nextTick)
  vi.advanceTimersByTime(2_000)
  expect(await sending).toEqual({})
  const failing = ours(server, 1)
  await new Promise(process.nextTick)
  vi.advanceTimersByTime(2_000)
  expect((await ourError(failing)).message).toContain('did not connect within 2000 milliseconds')
})

test('nobody listening is a network error', async () => {
  const server = await startAwsServer()
  const endpoint = new URL('http://127.0.0.1:1')
  const send = signedOperations({ service: 'dynamodb', ...server.service, endpoint })
  const error = await ourError(send('GetItem', input))
  expect([error.code, error.attempts]).toEqual(['ECONNREFUSED', 4])
})

test('while everything fails, a client soon stops repeating', async () => {
  const server = await startAwsServer(json(500, ''))
  const send = signedOperations({ service: 'dynamodb', ...server.service })
  for (let n = 0; n < 100; n++) await send('GetItem', input).catch(() => {})
  // 500 tokens, of which each repetition takes 14.
  expect(server.requests).toHaveLength(100 + Math.floor(500 / 14))
})

test('one socket serves operations that follow each other', async () => {
  const server = await startAwsServer()
  const send = signedOperations({ service: 'dynamodb', ...server.service })
  for (let n = 0; n < 3; n++) await send('GetItem', input)
  expect(new Set(server.requests.map(it => it.socket)).size).toBe(1)
})
