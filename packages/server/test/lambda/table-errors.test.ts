import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { dynamoDb } from '../../src/dynamodb/dynamodb.ts'
import { signedOperations } from '../../src/dynamodb/signed-operations.ts'
import { toResponse } from '../../src/http/errors.ts'
import { reportTableFailures } from '../../src/lambda/table-errors.ts'

/** What DynamoDB responds with. */
type Answer = { status: number; body: object } | 'cut'

let answer: Answer
let server: Server
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume()
    if (answer === 'cut') return void response.destroy()
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(JSON.stringify(answer.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => void server.close())

async function responseTo(given: Answer): Promise<Response> {
  answer = given
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const service = {
    service: 'dynamodb',
    region: 'us-east-1',
    endpoint: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    credentials: () => ({ accessKeyId: 'a', secretAccessKey: 'b' }),
  } as const
  const dynamo = dynamoDb(reportTableFailures(signedOperations(service, 1)))
  return dynamo.getItem({ TableName: 't', Key: { id: { S: 'i' } } }).then(
    () => new Response(),
    error => toResponse(error, 'r'),
  )
}

const refusal = (type: string, status = 400) => ({
  status,
  body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'arn:aws:secret' },
})

test.each<[string, Answer]>([
  ['throttled', refusal('ProvisionedThroughputExceededException')],
  ['throttled by the account', refusal('RequestLimitExceeded')],
  ['throttled by the service', refusal('ThrottlingException')],
  ['denied', refusal('AccessDeniedException')],
  ['missing', refusal('ResourceNotFoundException')],
  ['broken', refusal('InternalServerError', 500)],
  ['out of reach', 'cut'],
  [
    'throttled within a transaction',
    {
      status: 400,
      body: {
        __type: 'TransactionCanceledException',
        CancellationReasons: [{ Code: 'None' }, { Code: 'ThrottlingError' }],
      },
    },
  ],
])('a table that is %s makes the response 503, with the time to wait', async (_, given) => {
  const response = await responseTo(given)
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  const text = await response.text()
  expect(JSON.parse(text).error.code).toBe('service_unavailable')
  expect(text).not.toContain('secret')
})

test.each(['ValidationException', 'ConditionalCheckFailedException'])(
  'an error that would come again is not 503, and shows no detail: %s',
  async type => {
    const response = await responseTo(refusal(type))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  },
)
