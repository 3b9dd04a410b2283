import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

import { createCustomResource } from '../../src/custom-resource/custom-resource.ts'
import { assertResponseUrl } from '../../src/custom-resource/event.ts'
import { toRegistrationBody } from '../../src/custom-resource/properties.ts'
import { dynamoRevocations } from '../../src/registration/invoke-permission/dynamo-revocations.ts'
import type { InvokePermissions } from '../../src/registration/invoke-permission/permissions.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { OWN_FUNCTIONS } from '../support/registration-url.ts'

const ACCOUNT = '123456789012'
const STACK = `arn:aws:cloudformation:eu-central-1:${ACCOUNT}:stack/weather/51af3dc0-da77-11e4-872e-1234567db123`
const OTHER_STACK = STACK.replace('weather', 'other')
const ARN = `arn:aws:lambda:eu-central-1:${ACCOUNT}:function:weather`
const URL_OF_S3 =
  'https://cloudformation-custom-resource-response-eucentral1.s3.eu-central-1.amazonaws.com/a?X-Amz-Signature=s'

interface Sent {
  Status: string
  Reason?: string
  PhysicalResourceId: string
  Data: Record<string, string>
}

let emulator: Emulator
let registry: Registry
let sent: Sent[]
let handler: ReturnType<typeof createCustomResource>
let status: Awaited<ReturnType<InvokePermissions['grant']>>
let isDown: boolean
let grantFails: boolean

beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

beforeEach(async () => {
  const { tables } = await startDynamo()
  registry = dynamoRegistry(emulator.dynamo(), tables.RegistrationTable)
  sent = []
  status = { state: 'ready' }
  isDown = false
  grantFails = false
  handler = createCustomResource({
    registry,
    permissions: {
      async grant() {
        if (grantFails) throw new Error('the network is down')
        return status
      },
      check: async () => ({ status, grants: false }),
      revoke: async () => undefined,
      status: async () => status,
    },
    revocations: dynamoRevocations(emulator.dynamo(), tables.RegistrationTable),
    ownFunctions: OWN_FUNCTIONS,
    accountId: ACCOUNT,
    // The edge of the network: S3.
    async fetch(url, init) {
      expect([url, init?.method, new Headers(init?.headers).get('content-type')]).toEqual([
        URL_OF_S3,
        'PUT',
        '',
      ])
      if (isDown) {
        isDown = false
        return new Response('', { status: 503 })
      }
      expect(Buffer.byteLength(String(init?.body))).toBeLessThanOrEqual(4_096)
      sent.push(JSON.parse(String(init?.body)))
      return new Response()
    },
  })
  for (const level of ['info', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation(() => {})
  return () => vi.restoreAllMocks()
})

/** As CloudFormation sends it: numbers and booleans are text. */
const event = (RequestType: string, properties: object, more: object = {}) => ({
  RequestType,
  ResponseURL: URL_OF_S3,
  StackId: STACK,
  RequestId: 'request-1',
  ResourceType: 'Custom::McpTool',
  LogicalResourceId: 'WeatherTool',
  ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:gateway-mcp-resource',
  ResourceProperties: {
    ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:gateway-mcp-resource',
    ...properties,
  },
  ...more,
})

async function run(RequestType: string, properties: object, more: object = {}): Promise<Sent> {
  await handler(event(RequestType, properties, more), { awsRequestId: 'lambda-1' })
  return sent.at(-1) as Sent
}

const weather = {
  Name: 'weather',
  LambdaArn: ARN,
  Description: 'W',
  Parameters: { city: 'string' },
}
const get = (name = 'weather') => registry.get({ type: 'tool', name })

describe('a custom resource', () => {
  test('creates a registration, whose writer and owner are the stack', async () => {
    expect(await run('Create', weather)).toEqual({
      Status: 'SUCCESS',
      PhysicalResourceId: 'tool-weather',
      StackId: STACK,
      RequestId: 'request-1',
      LogicalResourceId: 'WeatherTool',
      Data: { Id: 'tool-weather', Version: '1', Status: 'ready', StatusMessage: '' },
    })
    expect(await get()).toMatchObject({
      lambdaArn: ARN,
      createdBy: STACK,
      updatedBy: `${STACK}/WeatherTool`,
      owner: 'stack:weather',
    })
    // Lambda may deliver an event twice.
    expect(await run('Create', weather)).toMatchObject({
      Status: 'SUCCESS',
      Data: { Version: '1' },
    })
  })

  test('is updated in place, and another name makes another one', async () => {
    await run('Create', weather)
    const own = { PhysicalResourceId: 'tool-weather' }
    expect(await run('Update', { ...weather, Title: 'T' }, own)).toMatchObject({
      PhysicalResourceId: 'tool-weather',
      Data: { Version: '2' },
    })
    const renamed = await run('Update', { ...weather, Name: 'forecast' }, own)
    expect(renamed).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'tool-forecast' })
    expect([await get(), await get('forecast')]).not.toContain(undefined)
    // CloudFormation deletes the old one when the update is complete.
    await run('Delete', weather, own)
    expect(await get()).toBeUndefined()
    expect(await get('forecast')).toMatchObject({ name: 'forecast' })
  })

  test('is what it was after an update that is rolled back', async () => {
    await run('Create', weather)
    await run('Update', { ...weather, Name: 'forecast' }, { PhysicalResourceId: 'tool-weather' })
    const back = await run('Update', weather, { PhysicalResourceId: 'tool-forecast' })
    expect(back).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'tool-weather' })
    await run('Delete', weather, { PhysicalResourceId: 'tool-forecast' })
    expect([await get(), await get('forecast')]).toMatchObject([{ version: 1 }, undefined])
  })

  test('that is deleted twice, or was never created, is a success', async () => {
    await run('Create', weather)
    for (const PhysicalResourceId of ['tool-weather', 'tool-weather', 'not-created:WeatherTool'])
      expect(await run('Delete', weather, { PhysicalResourceId })).toMatchObject({
        Status: 'SUCCESS',
        PhysicalResourceId,
      })
    expect(await get()).toBeUndefined()
  })

  test('fails with the reason, and its deletion then touches nothing of others', async () => {
    await run('Create', weather, { StackId: OTHER_STACK })
    const taken = await run('Create', weather)
    expect(taken).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringContaining(`"tool-weather" is registered already, by ${OTHER_STACK}`),
      PhysicalResourceId: 'not-created:WeatherTool',
    })
    await run('Delete', weather, { PhysicalResourceId: taken.PhysicalResourceId })
    await run('Delete', weather, { PhysicalResourceId: 'tool-weather' })
    expect(await get()).toMatchObject({ createdBy: OTHER_STACK })
    expect(await run('Create', { Name: 'x' })).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringContaining('/lambdaArn is missing'),
    })
    expect(await run('Create', { ...weather, LambdaArn: OWN_FUNCTIONS[0] })).toMatchObject({
      Reason: expect.stringContaining("the gateway's own stack"),
    })
    expect(await run('Create', { ...weather, Parameters: '{"city"' })).toMatchObject({
      Status: 'FAILED',
    })
    status = { state: 'function_not_found', message: `${ARN} does not exist`, fix: [] }
    const missing = await run('Create', { ...weather, Name: 'y' })
    expect(missing).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'tool-y' })
    await run('Delete', weather, { PhysicalResourceId: 'tool-y' })
    expect(await get('y')).toBeUndefined()
  })

  test('with a new logical id cannot share the registration of the old one', async () => {
    await run('Create', weather)
    const other = { LogicalResourceId: 'Weather' }
    const taken = await run('Create', weather, other)
    expect(taken).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringContaining('remove that resource in a deployment of its own first'),
      PhysicalResourceId: 'not-created:Weather',
    })
    // The rollback, and a deletion that names the registration all the same.
    await run('Delete', weather, { ...other, PhysicalResourceId: taken.PhysicalResourceId })
    const kept = await run('Delete', weather, { ...other, PhysicalResourceId: 'tool-weather' })
    expect(kept).toMatchObject({ Status: 'SUCCESS', Reason: expect.stringContaining('stays') })
    expect(await get()).toMatchObject({ version: 1 })
    await run('Delete', weather, { PhysicalResourceId: 'tool-weather' })
    expect(await run('Create', weather, other)).toMatchObject({ Status: 'SUCCESS' })
  })

  test('is kept by its deletion where a pipeline has written it since', async () => {
    const own = { PhysicalResourceId: 'tool-weather' }
    const pipeline = 'arn:aws:sts::123456789012:assumed-role/ci/1'
    const takeOver = async () => {
      const stored = (await get()) as Registration
      const version = stored.version + 1
      await registry.replace({ ...stored, version, owner: 'ci', updatedBy: pipeline }, version - 1)
    }
    await run('Create', weather)
    await takeOver()
    expect(await run('Delete', weather, own)).toMatchObject({
      Status: 'SUCCESS',
      Reason: `"tool-weather" stays registered: ${pipeline} has written it`,
    })
    expect(await get()).toMatchObject({ owner: 'ci' })
    // A new resource of the same stack does not get it.
    expect(await run('Create', weather, { LogicalResourceId: 'Weather' })).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringContaining(pipeline),
    })
    // An update of the stack makes it the registration of the stack again.
    await run('Update', weather, own)
    expect(await get()).toMatchObject({ owner: 'stack:weather' })
    await run('Delete', weather, own)
    expect(await get()).toBeUndefined()
  })

  test('that fails after the row is written tells the id of the row, so that it is deleted', async () => {
    grantFails = true
    expect(await run('Create', weather)).toMatchObject({
      Status: 'FAILED',
      PhysicalResourceId: 'tool-weather',
    })
    expect(await get()).toMatchObject({ version: 1 })
    await run('Delete', weather, { PhysicalResourceId: 'tool-weather' })
    expect(await get()).toBeUndefined()
  })

  test('cuts a long reason and message to the limit of a response, in bytes', async () => {
    const message = '"\u0007\u{1F327}'.repeat(2_000)
    status = { state: 'function_not_found', message, fix: [] }
    const { Reason = '' } = await run('Create', weather)
    expect([`tool-weather: ${message}`.startsWith(Reason), Reason.length > 800]).toEqual([
      true,
      true,
    ])
    status = { state: 'unknown', message, fix: [] }
    const { Data } = await run('Create', weather)
    expect([message.startsWith(`${Data['StatusMessage']}`), Data['Status']]).toEqual([
      true,
      'unknown',
    ])
  })

  test('of a resource and of a prompt', async () => {
    const of = (ResourceType: string) => ({ ResourceType })
    const note = { Name: 'note', LambdaArn: ARN, UriTemplate: 'notes://{id}', Size: '3' }
    expect(await run('Create', note, of('Custom::McpResource'))).toMatchObject({
      PhysicalResourceId: 'resource-note',
    })
    const Arguments = [{ name: 'topic', required: 'true' }]
    await run('Create', { Name: 'p', LambdaArn: ARN, Arguments }, of('Custom::McpPrompt'))
    expect(await registry.get({ type: 'prompt', name: 'p' })).toMatchObject({
      arguments: [{ name: 'topic', required: true }],
    })
    const generic = of('AWS::CloudFormation::CustomResource')
    expect(await run('Create', { ...weather, Type: 'tool' }, generic)).toMatchObject({
      PhysicalResourceId: 'tool-weather',
    })
  })

  test('sends its response again where S3 does not take it', async () => {
    isDown = true
    expect(await run('Create', weather)).toMatchObject({ Status: 'SUCCESS' })
  })

  test('that CloudFormation has not asked for gets no response and changes nothing', async () => {
    const wrong: object[] = [
      { ResponseURL: 'https://example.com/' },
      { ResponseURL: 'http://a.s3.amazonaws.com/' },
      { StackId: STACK.replace(ACCOUNT, '210987654321') },
      { StackId: 'arn:aws:iam::123456789012:user/admin' },
      { RequestType: 'Read' },
      { RequestType: 'Update' },
      { LogicalResourceId: undefined },
    ]
    for (const more of wrong)
      await expect(
        handler(event('Create', weather, more), { awsRequestId: 'lambda-1' }),
      ).rejects.toThrow(TypeError)
    await expect(handler(null, { awsRequestId: 'lambda-1' })).rejects.toThrow(TypeError)
    expect([sent, await get()]).toEqual([[], undefined])
  })
})

describe('the ResponseURL', () => {
  test.each([
    'https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a?b=c',
    'https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/a',
    'https://b.s3.eu-central-1.amazonaws.com/a',
    'https://s3.eu-central-1.amazonaws.com/b/a',
    'https://b.s3.cn-north-1.amazonaws.com.cn/a',
    'https://b.s3.eusc-de-east-1.amazonaws.eu/a',
    'https://b.s3.us-iso-east-1.c2s.ic.gov/a',
    'https://b.s3.us-isob-east-1.sc2s.sgov.gov/a',
  ])('%s is an address of S3', url => {
    expect(() => assertResponseUrl(url)).not.toThrow()
  })

  test.each([
    'http://b.s3.amazonaws.com/a',
    'https://b.s3.amazonaws.com.evil.example/a',
    'https://evil.example/s3.amazonaws.com',
    'https://b.s3.amazonaws.com:8443/a',
    'https://user@b.s3.amazonaws.com/a',
    'https://:password@b.s3.amazonaws.com/a',
    'https://bs3.amazonaws.com.evil.example/',
    'https://b.s3.us-iso-east-1.c2sxic.gov/a',
    'https://b.execute-api.us-east-1.amazonaws.com/s3',
    'https://169.254.169.254/',
    'x',
  ])('%s is none', url => {
    expect(() => assertResponseUrl(url)).toThrow('not an https address of S3')
  })
})

test('numbers and booleans are what they were before CloudFormation made them text', () => {
  const body = toRegistrationBody('Custom::McpTool', {
    ServiceToken: 'x',
    Name: 'true',
    Annotations: { readOnlyHint: 'true', title: 'true' },
    Parameters: { limit: { type: 'integer', default: '5', optional: 'true', description: '5' } },
    InputSchema: {
      type: 'object',
      properties: {
        minimum: { type: 'number', minimum: '0.5', enum: ['1', '2'] },
        anything: 'true',
        text: { type: 'string', default: '5', maxLength: '10', pattern: '1' },
      },
      required: ['true'],
      additionalProperties: 'false',
    },
    OutputSchema: '{"type":"object","x":"1"}',
    _meta: { n: '1' },
    RateLimit: { perSecond: '0.5', burst: '10' },
  })
  expect(body).toEqual({
    type: 'tool',
    name: 'true',
    annotations: { readOnlyHint: true, title: 'true' },
    parameters: { limit: { type: 'integer', default: 5, optional: true, description: '5' } },
    inputSchema: {
      type: 'object',
      properties: {
        minimum: { type: 'number', minimum: 0.5, enum: [1, 2] },
        anything: true,
        text: { type: 'string', default: '5', maxLength: 10, pattern: '1' },
      },
      required: ['true'],
      additionalProperties: false,
    },
    outputSchema: { type: 'object', x: '1' },
    _meta: { n: '1' },
    rateLimit: { perSecond: 0.5, burst: 10 },
  })
})
