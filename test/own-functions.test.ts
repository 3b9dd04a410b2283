import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { policiesOf } from '../packages/server/test/support/policies.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'

const MCP = 'mcp-lambda-sam-mcp'
const REGISTRATION = 'mcp-lambda-sam-mcp-registration'

let gateway: Gateway
let lambda: ReturnType<typeof policiesOf>
beforeAll(async () => {
  gateway = await startGateway()
  lambda = policiesOf(gateway)
})
afterAll(() => gateway?.close())

/** The event of a Function URL, as its sender pleases. */
const eventOf = (method: string, rawPath: string, body: object, requestId: string) => ({
  version: '2.0',
  routeKey: '$default',
  rawPath,
  rawQueryString: '',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  requestContext: {
    domainName: 'abc.lambda-url.us-east-1.on.aws',
    requestId,
    http: { method, path: rawPath },
    authorizer: {
      iam: {
        userArn: 'arn:aws:iam::000000000000:user/administrator',
        accountId: '000000000000',
        callerId: 'AIDAADMINISTRATOR',
      },
    },
  },
  body: JSON.stringify(body),
  isBase64Encoded: false,
})

const registration = {
  type: 'tool',
  name: 'forged',
  lambdaArn: functionArn('echo'),
  parameters: {},
}
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'forged', version: '1' },
  },
}

describe('an event that is sent to the Lambda API instead of the Function URL', () => {
  test.each(['', 'request-1', '0f3a1c2b-8a3f-4e0b-9f0c-2f6f3f0f2f11'])(
    'registers nothing, with the request id "%s"',
    async requestId => {
      const event = eventOf('POST', '/register', registration, requestId)
      expect(JSON.parse(await lambda.outputOf(REGISTRATION, event))).toMatchObject({
        statusCode: 403,
        body: expect.stringContaining('access_denied'),
      })
      const ids: string[] = []
      for await (const { id } of gateway.admin.list()) ids.push(id)
      expect(ids).not.toContain('tool-forged')
    },
  )

  test('gets no answer of the protocol', async () => {
    const output = await lambda.outputOf(MCP, eventOf('POST', '/mcp', initialize, 'request-1'))
    expect(output).toContain('access_denied')
    expect(output).toContain('"statusCode":403')
    expect(output).not.toContain('serverInfo')
  })
})

test.each([MCP, REGISTRATION, `${REGISTRATION}:live`, MCP.toUpperCase()])(
  'the function %s of the gateway cannot be registered with the built API',
  async name => {
    await expect(
      gateway.admin.registerTool({ name: 'own', lambdaArn: functionArn(name), parameters: {} }),
    ).rejects.toMatchObject({
      code: 'invalid_registration',
      issues: [{ path: '/lambdaArn', message: expect.stringContaining("gateway's own stack") }],
    })
  },
)

test('a change through the built API is logged with who made it', async () => {
  const entries: string[] = []
  const logged = await startGateway({ log: ({ message }) => entries.push(message) })
  const { admin, close } = logged
  await admin.registerTool({ name: 'a', lambdaArn: functionArn('echo'), parameters: {} })
  expect((await admin.get('tool-a')).updatedBy).toBe('arn:aws:iam::000000000000:user/local')
  await close()
  expect(entries).toContainEqual(
    expect.stringMatching(/registration changed.*tool-a.*arn:aws:iam::000000000000:user\/local/),
  )
})
