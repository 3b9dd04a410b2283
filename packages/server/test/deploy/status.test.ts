import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, onTestFinished, test } from 'vitest'

import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'
import { BARE, run } from './command.ts'
import { denied, fakeAws } from './fake-aws.ts'

test('status warns of what an older version stored and would be refused today', async () => {
  const emulator = await startDynamo()
  const registry = dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable)
  const registration: Registration = {
    id: 'tool-a',
    type: 'tool',
    name: 'a',
    inputSchema: { type: 'object' },
    lambdaArn: 'arn:aws:lambda:us-east-1:123456789012:function:a',
    allow: ['arn:aws:iam::123456789012:role/team/*'],
    contract: 'arguments',
    version: 1,
    createdAt: '',
    updatedAt: '',
    createdBy: '',
  }
  await registry.create(registration)
  await registry.create({ ...registration, id: 'tool-b', name: 'b' })
  const call = registrationUrl(emulator)
  const url = await serve(async (method, path, body) => {
    // Another caller deletes this one after the list was read.
    if (path === '/register/tool-b') await registry.remove({ type: 'tool', name: 'b' }, 1)
    return call(method, path, body)
  })
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stackAt(url)] },
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  const { stdout } = await run(['status'], env)
  expect(stdout).toMatch(
    /Registrations +1, all can be invoked\n\nWarnings\..*:\n\n +tool-a: \/allow\/0 /,
  )
  expect(stdout).toContain('arn:aws:iam::123456789012:role/team/*')
  await emulator.close()
})

test('status leaves out a registration that is removed while it reads', async () => {
  const url = await serve(async (method, path, body) => {
    if (path.startsWith('/health')) return emptyGateway(method, path, body)
    const headers = { 'content-type': 'application/json' }
    if (path.endsWith('/tool-kept'))
      return { status: 200, headers, body: { id: 'tool-kept', status: { state: 'ready' } } }
    const error = { code: 'registration_not_found', message: 'There is no registration' }
    if (path.endsWith('/tool-removed')) return { status: 404, headers, body: { error } }
    return { status: 200, headers, body: { items: [{ id: 'tool-removed' }, { id: 'tool-kept' }] } }
  })
  const { endpoint } = await fakeAws({ DescribeStacks: { Stacks: [stackAt(url)] } })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  const { code, stdout } = await run(['status'], env)
  expect(stdout).toMatch(/Registrations +1, all can be invoked\n/)
  expect(code).toBe(0)
})

test('status shows what CloudWatch counted in the last day, and what it cost', async () => {
  const url = await serve(emptyGateway)
  let asked: Record<string, string> = {}
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stackAt(url)] },
    GetMetricData(parameters) {
      asked = parameters
      return { MetricDataResults: Object.entries(COUNTED).map(toResult) }
    },
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  const shown = await run(['status'], env)
  expect(shown.stdout).toContain(
    `Last 24 hours          12,480 requests: 31 answered with 4xx, 2 with 5xx
                       12,470 invocations: 1 failed, 4 more were throttled
                       99 % took at most 812 ms; a stream is one invocation
                       at most 14 ran at the same time: open streams and requests
                       about $0.67 for Lambda, at list prices of us-east-1
`,
  )
  expect(Date.parse(asked['EndTime'] ?? '') - Date.parse(asked['StartTime'] ?? '')).toBe(86_400_000)
  const queries = Object.keys(COUNTED).map((_, n) => {
    const field = (name: string) => asked[`MetricDataQueries.member.${n + 1}.${name}`]
    expect(field('MetricStat.Metric.Dimensions.member.1.Value')).toBe('mcp-lambda-sam-mcp')
    expect(field('MetricStat.Period')).toBe('86400')
    return [field('Id'), `${field('MetricStat.Metric.MetricName')} ${field('MetricStat.Stat')}`]
  })
  expect(Object.fromEntries(queries)).toEqual({
    requests: 'UrlRequestCount Sum',
    status4xx: 'Url4xxCount Sum',
    status5xx: 'Url5xxCount Sum',
    invocations: 'Invocations Sum',
    failed: 'Errors Sum',
    throttled: 'Throttles Sum',
    p99Ms: 'Duration p99',
    totalMs: 'Duration Sum',
    mostAtOnce: 'ConcurrentExecutions Maximum',
  })

  const { code, stdout } = await run(['status', '--json'], env)
  const { lastDay } = JSON.parse(stdout)
  // 100,000 seconds with half a gigabyte, and the invocations.
  expect(lastDay.dollars).toBeCloseTo(100_000 * 0.5 * 0.0000133334 + 12_470 * 0.2e-6, 6)
  expect(lastDay).toMatchObject({ requests: 12_480, p99Ms: 812.4, mostAtOnce: 14 })
  expect(code).toBe(0)
})

test.each([
  ['UPDATE_ROLLBACK_COMPLETE', 0, /last deployment failed, and the version before it is back/],
  ['UPDATE_ROLLBACK_FAILED', 1, /Run .*, which says what is wrong/],
])('status says what a stack in the state %s means', async (StackStatus, code, note) => {
  const url = await serve(emptyGateway)
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [{ ...stackAt(url), StackStatus, StackName: 'prod' }] },
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  const shown = await run(['status', '--stack-name', 'prod'], env)
  expect(shown).toMatchObject({ code, stdout: expect.stringMatching(note) })
  // Without the name it would make a second gateway.
  const deploy = '"mcp-lambda-sam deploy --stack-name prod --region us-east-1"'
  expect(shown.stdout).toContain(`Run ${deploy}`)
  expect(shown.stdout).toMatch(new RegExp(`Version .*, which ${deploy} deploys`))
})

test('status says in one line that it may not read CloudWatch, and shows the rest', async () => {
  const url = await serve(emptyGateway)
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stackAt(url)] },
    GetMetricData: denied('cloudwatch:GetMetricData'),
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  expect(await run(['status'], env)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /\nLast 24 hours +CloudWatch refuses .*\. Allow cloudwatch:GetMetricData .*\nRegistrations +0, /,
    ),
  })
})

test('status says that there were no requests where CloudWatch has no values', async () => {
  const url = await serve(emptyGateway)
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stackAt(url)] },
    GetMetricData: {
      MetricDataResults: Object.keys(COUNTED).map(Id => ({ Id, Timestamps: [], Values: [] })),
    },
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  expect((await run(['status'], env)).stdout).toContain('\nLast 24 hours          no requests\n')
})

/** What CloudWatch answers, by the id of the query. */
const COUNTED = {
  requests: 12_480,
  status4xx: 31,
  status5xx: 2,
  invocations: 12_470,
  failed: 1,
  throttled: 4,
  p99Ms: 812.4,
  totalMs: 100_000_000,
  mostAtOnce: 14,
}

/** In the order in which CloudWatch writes the elements. */
const toResult = ([Id, value]: [string, number]) => ({
  Label: Id,
  StatusCode: 'Complete',
  Timestamps: ['2026-11-26T00:00:00Z'],
  Values: [value],
  Id,
})

/** Both URLs of a gateway without registrations. */
const emptyGateway: Answering = async (_, path) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: path.startsWith('/health') ? { version: '1.0.0' } : { items: [] },
})

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }

const stackAt = (url: string) => ({
  StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1',
  StackName: 'mcp-lambda-sam',
  StackStatus: 'UPDATE_COMPLETE',
  CreationTime: '2026-01-01T00:00:00Z',
  Parameters: [{ ParameterKey: 'MemorySize', ParameterValue: '512' }],
  Outputs: Object.entries({
    McpUrl: url,
    RegistrationUrl: url,
    McpFunctionName: 'mcp-lambda-sam-mcp',
  }).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
})

type Answering = (
  ...request: Parameters<ReturnType<typeof registrationUrl>>
) => Promise<{ status: number; headers: Record<string, string>; body: unknown }>

/** The registration API over HTTP. It stands for the gateway too. */
async function serve(call: Answering): Promise<string> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request
    const body = await text(request)
    const answer = await call(method, url, body || undefined)
    response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`
}
