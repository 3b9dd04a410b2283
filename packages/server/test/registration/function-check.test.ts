import { LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { configurationCheck, withoutRight } from '../../src/registration/function-check.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { type FakeResponse, startEdge } from '../support/faulty-network.ts'
import { registrationUrl } from '../support/registration-url.ts'

// Lambda's configuration of the function is that of the test: the local gateway has none.

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:notes'
const durable = { DurableConfig: { ExecutionTimeout: 3600, RetentionPeriodInDays: 7 } }
const isolating = { TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } }
const refused = (status: number, type: string): FakeResponse => ({ status, type, body: {} })

let edge: Awaited<ReturnType<typeof startEdge>>
let emulator: Emulator
let call: ReturnType<typeof registrationUrl>
beforeAll(async () => {
  edge = await startEdge()
  emulator = await startDynamo()
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' }
  const clientFor = (region: string) =>
    new LambdaClient({ endpoint: edge.url, region, credentials, maxAttempts: 1 })
  const check = configurationCheck(clientFor, '123456789012')
  call = registrationUrl(emulator, undefined, undefined, undefined, check)
})
afterAll(() => Promise.all([edge.close(), emulator.close()]))
beforeEach(() => {
  edge.calls.length = 0
})

const configured = (body: object): FakeResponse => ({ status: 200, body })
const register = (fields: object, query = '') =>
  call('POST', `/register${query}`, {
    type: 'tool',
    name: `t${Math.random().toString(36).slice(2)}`,
    description: 'Notes',
    lambdaArn: ARN,
    parameters: {},
    ...fields,
  })

test.each([
  ['a durable function', {}, configured(durable), 'version or an alias'],
  ['an alias of a durable function', { lambdaArn: `${ARN}:live` }, configured(durable), undefined],
  ['a function that isolates tenants', {}, configured(isolating), 'isolates tenants'],
  ['the same with a tenant', { tenant: 'principal' }, configured(isolating), undefined],
  ['a tenant for another function', { tenant: 'account' }, configured({}), 'leave out "tenant"'],
  ['any other function', {}, configured({ Timeout: 3 }), undefined],
  ['no function', {}, refused(404, 'ResourceNotFoundException'), 'does not exist'],
])('a registration of %s says at once what its calls would fail for', async (...given) => {
  const [, fields, answer, expected] = given
  edge.hook = () => answer
  for (const query of ['', '?dryRun=true']) {
    const { status, body } = await register(fields, query)
    expect(status).toBe(query ? 200 : 201)
    const warnings = expected === undefined ? undefined : [expect.stringContaining(expected)]
    expect([body.warnings, body.configuration]).toEqual([warnings, undefined])
  }
  expect(edge.calls.map(it => it.operation)).toEqual([
    'GetFunctionConfiguration',
    'GetFunctionConfiguration',
  ])
})

test('a registration whose function cannot be seen says so, and has no warning', async () => {
  edge.hook = () => refused(403, 'AccessDeniedException')
  expect((await register({})).body).toMatchObject({ configuration: 'not_granted' })
  edge.hook = () => refused(500, 'ServiceException')
  const { body } = await register({})
  expect(body).toMatchObject({ configuration: 'unknown' })
  expect(body).not.toHaveProperty('warnings')

  edge.calls.length = 0
  const lambdaArn = ARN.replace('123456789012', '999999999999')
  expect((await register({ lambdaArn })).body.configuration).toBe('not_granted')
  const off = registrationUrl(emulator, undefined, undefined, undefined, withoutRight)
  const tool = { type: 'tool', name: 'off', description: 'x', lambdaArn: ARN, parameters: {} }
  expect((await off('POST', '/register', tool)).body.configuration).toBe('not_granted')
  expect(edge.calls).toEqual([])
})

test('a response may be sent back as it is', async () => {
  edge.hook = () => refused(403, 'AccessDeniedException')
  const { body } = await register({})
  expect(body.configuration).toBe('not_granted')
  const put = await call('PUT', `/register/${body.id}`, body)
  expect(put.body).toMatchObject({ id: body.id, change: 'unchanged' })
})

test('a dry run of a batch reads the configuration of what it would change', async () => {
  edge.hook = () => configured(durable)
  const tool = { type: 'tool', name: 'batched', description: 'x', lambdaArn: ARN, parameters: {} }
  const changes = [{ put: tool }]
  const planned = await call('POST', '/register:batch?dryRun=true', { changes })
  expect(planned.body.results[0].warnings).toEqual([expect.stringContaining('durable')])
  edge.calls.length = 0
  const applied = await call('POST', '/register:batch', { changes })
  expect(applied.body.results[0]).not.toHaveProperty('warnings')
  await call('POST', '/register:batch?dryRun=true', { changes })
  expect(edge.calls).toEqual([])
})
