import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { allExports, stackOutputs } from '../src/aws/cloudformation.ts'
import { listFunctions, logGroupOf, taggedFunctions } from '../src/aws/functions.ts'
import { logEvents } from '../src/aws/log-events.ts'

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:weather'
const options = {
  region: 'eu-central-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
}

let server: Server
let seen: { method: string | undefined; url: string | undefined; scope: string; body: string }[]
/** What AWS sends, one after the other: status and body. */
let responses: [number, string | object][]

beforeEach(async () => {
  seen = []
  responses = []
  server = createServer(async (request, response) => {
    const { method, url, headers } = request
    const [, scope = ''] = /Credential=[^/]+\/\d+\/([^,]+)/.exec(headers.authorization ?? '') ?? []
    seen.push({ method, url, scope, body: await text(request) })
    const [status, body] = responses.shift() ?? [500, 'nothing left']
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`)
  vi.spyOn(Math, 'random').mockReturnValue(0)
  return async () => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    server.closeAllConnections()
    await new Promise(closed => server.close(closed))
  }
})
afterEach(() => expect(responses).toEqual([]))

// The forms of https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
const outputs = `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>
<Parameters><member><ParameterKey>A</ParameterKey><ParameterValue>x</ParameterValue></member></Parameters>
<Outputs><member><OutputKey>Arn</OutputKey><Description>the &lt;ARN&gt;</Description><OutputValue>${ARN}</OutputValue><ExportName>e</ExportName></member>
<member><OutputValue>a &amp; b</OutputValue><OutputKey>Text</OutputKey></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`

test('reads the outputs of a stack, and knows a stack that does not exist', async () => {
  responses = [
    [200, outputs],
    [
      400,
      '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id none does not exist</Message></Error></ErrorResponse>',
    ],
  ]
  expect(await stackOutputs(options, 'app')).toEqual({ Arn: ARN, Text: 'a & b' })
  expect(await stackOutputs(options, 'none')).toBeUndefined()
  expect(seen[0]).toMatchObject({
    method: 'POST',
    scope: 'eu-central-1/cloudformation/aws4_request',
    body: 'Action=DescribeStacks&StackName=app&Version=2010-05-15',
  })
})

test('reads every page of the exports', async () => {
  const page = (name: string, next = '') =>
    `<ListExportsResponse><ListExportsResult><Exports><member><ExportingStackId>s</ExportingStackId><Name>${name}</Name><Value>v-${name}</Value></member></Exports>${next && `<NextToken>${next}</NextToken>`}</ListExportsResult></ListExportsResponse>`
  responses = [
    [200, page('a', 'more')],
    [200, page('b')],
  ]
  expect(await allExports(options)).toEqual({ a: 'v-a', b: 'v-b' })
  expect(seen[1]?.body).toContain('NextToken=more')
})

test('lists functions, by tag too, and repeats what is throttled', async () => {
  const fn = { FunctionName: 'weather', FunctionArn: ARN }
  responses = [
    [429, { Type: 'User', message: 'Rate exceeded' }],
    [200, { Functions: [fn], NextMarker: 'm/1' }],
    [200, { Functions: [fn], NextMarker: null }],
    [200, { ResourceTagMappingList: [{ ResourceARN: ARN }], PaginationToken: '' }],
    [200, { ...fn, LoggingConfig: { LogGroup: '/custom' } }],
    [403, { Message: 'not authorized' }],
  ]
  expect(await listFunctions(options)).toHaveLength(2)
  expect(seen[2]?.url).toBe('/2015-03-31/functions/?MaxItems=50&Marker=m%2F1')
  expect(await taggedFunctions(options, 'mcp', 'true')).toEqual(new Set([ARN]))
  expect(JSON.parse(seen[3]?.body ?? '')).toMatchObject({
    TagFilters: [{ Key: 'mcp', Values: ['true'] }],
  })
  expect(await logGroupOf(options, ARN, 'us-east-1')).toBe('/custom')
  expect(seen[4]?.scope).toBe('us-east-1/lambda/aws4_request')
  expect(await logGroupOf(options, ARN, 'us-east-1')).toBeUndefined()
})

test('gives each entry of a log once', async () => {
  const event = (eventId: string) => ({ eventId, timestamp: 5, message: eventId })
  responses = [
    [200, { events: [event('a'), event('b')], nextToken: 't' }],
    [200, { events: [event('b'), event('c')] }],
  ]
  const found = []
  for await (const { message } of logEvents(options, { logGroup: '/g', since: 1, follow: false }))
    found.push(message)
  expect(found).toEqual(['a', 'b', 'c'])
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ logGroupName: '/g', startTime: 1 })
})

test('explains what AWS refuses', async () => {
  responses = [
    [
      403,
      '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: cloudformation:DescribeStacks</Message></Error></ErrorResponse>',
    ],
  ]
  await expect(stackOutputs(options, 'app')).rejects.toMatchObject({
    code: 'access_denied',
    message: expect.stringContaining('cloudformation:DescribeStacks'),
    hint: expect.stringContaining('cloudformation'),
  })
})

test.each([
  ['us-east-1', 'amazonaws.com'],
  ['cn-north-1', 'amazonaws.com.cn'],
  ['us-gov-west-1', 'amazonaws.com'],
  ['eusc-de-east-1', 'amazonaws.eu'],
  ['us-iso-east-1', 'c2s.ic.gov'],
  ['us-isob-east-1', 'sc2s.sgov.gov'],
  ['eu-isoe-west-1', 'cloud.adc-e.uk'],
  ['us-isof-south-1', 'csp.hci.ic.gov'],
])('asks the hosts of the partition of %s', async (region, suffix) => {
  vi.stubEnv('AWS_ENDPOINT_URL', '')
  const asked: string[] = []
  const fetch = async (url: string | URL | Request) => {
    asked.push(new URL(url instanceof Request ? url.url : url).hostname)
    return Response.json({ Functions: [] })
  }
  await listFunctions({ ...options, region, fetch })
  expect(asked).toEqual([`lambda.${region}.${suffix}`])
})
