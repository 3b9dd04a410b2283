import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deploy } from '@markvp/mcp-lambda-sam'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { type Aws, startAws } from '../../packages/server/test/deploy/aws.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { createFunction, rightsOfFunction, TEST_KEY } from './aws-api.ts'
import { startLambdaRouter } from './lambda-router.ts'
import { callsByKey, type RecordedRequest } from './recorded-calls.ts'
import { type Call, compare, type Statement } from './rights.ts'
import { TOOLS, useAllEndpoints, useRegistrationApi } from './scenario.ts'

// "npm run recorder" runs this file with a Python that has moto. moto has the stack, its tables
// and the policies of functions, and records all calls. The built functions run in processes.
const PYTHON = process.env['MOTO_PYTHON'] ?? ''

const FUNCTIONS = { mcp: 'mcp-lambda-sam-mcp', registration: 'mcp-lambda-sam-mcp-registration' }
type Name = keyof typeof FUNCTIONS

const rights = {} as Record<Name, Statement[]>
const calls = {} as Record<Name, Call[]>
let aws: Aws | undefined
let gateway: Gateway | undefined
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-recorder-'))
  vi.stubEnv('MOTO_RECORDER_FILEPATH', join(folder, 'recording'))
  aws = await startAws(PYTHON)
  const { endpoint } = aws
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  const credentials = { accessKeyId: TEST_KEY, secretAccessKey: 'test' }
  const { outputs } = await deploy({
    region: 'us-east-1',
    credentials,
    parameters: { ReadConfiguration: 'true' },
  })
  const { McpRoleArn = '', RegistrationTableName = '', SessionTableName = '' } = outputs
  for (const name of TOOLS) await createFunction(endpoint, name, McpRoleArn)
  for (const [name, functionName] of Object.entries(FUNCTIONS))
    rights[name as Name] = await rightsOfFunction(endpoint, functionName)

  const router = await startLambdaRouter(endpoint, McpRoleArn, () => gateway as Gateway)
  gateway = await startGateway({
    push: true,
    environment: {
      AWS_ENDPOINT_URL_DYNAMODB: endpoint,
      AWS_ENDPOINT_URL_LAMBDA: router.url,
      MCP_ROLE_ARN: McpRoleArn,
      READ_CONFIGURATION: 'true',
      REGISTRATION_TABLE: RegistrationTableName,
      SESSION_TABLE: SessionTableName,
    },
  })
  const recorder = (action: string) =>
    fetch(new URL(`/moto-api/recorder/${action}`, endpoint), { method: 'POST' })
  await recorder('start-recording')
  // The first requests go to the registration function alone. So the key in its calls is known.
  await useRegistrationApi(gateway)
  const first = recorded(await (await recorder('download-recording')).text())
  await useAllEndpoints(gateway)
  await recorder('stop-recording')
  const all = recorded(await (await recorder('download-recording')).text())
  router.close()

  const [own = '', ...others] = callsByKey(first).keys()
  expect(others).toEqual([])
  const byKey = callsByKey([...all, ...router.invocations])
  const [other = '', ...strangers] = [...byKey.keys()].filter(
    key => key !== own && key !== TEST_KEY,
  )
  expect(strangers).toEqual([])
  calls.registration = byKey.get(own) ?? []
  calls.mcp = byKey.get(other) ?? []
}, 180_000)

afterAll(async () => {
  await gateway?.close()
  await aws?.close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

test('the registration function makes exactly the calls that its role allows', () => {
  expect(compare(rights.registration, calls.registration)).toEqual([])
})

test('the mcp function makes exactly the calls that its role allows, and invokes functions', () => {
  const invoked = calls.mcp.filter(it => it.action === 'lambda:InvokeFunction')
  expect(new Set(invoked.map(it => it.resource.split(':').at(-1)))).toEqual(new Set(TOOLS))
  expect(
    compare(
      rights.mcp,
      calls.mcp.filter(it => !invoked.includes(it)),
    ),
  ).toEqual([])
})

describe('the comparison finds', () => {
  const actions = (statements: Statement[]) =>
    statements
      .filter(it => it.Effect === 'Allow')
      .flatMap(it => [it.Action].flat())
      .filter(action => !action.startsWith('logs:'))

  test.each(['mcp', 'registration'] as const)('each right that the %s role lacks', name => {
    for (const action of actions(rights[name])) {
      const fewer = rights[name].map(it =>
        it.Effect === 'Allow'
          ? { ...it, Action: [it.Action].flat().filter(a => a !== action) }
          : it,
      )
      expect(compare(fewer, own(name))).toContainEqual(
        expect.stringContaining(`call without a right: ${action} on`),
      )
    }
  })

  test.each(['mcp', 'registration'] as const)('each call that the %s function omits', name => {
    for (const action of actions(rights[name]))
      expect(
        compare(
          rights[name],
          own(name).filter(call => call.action !== action),
        ),
      ).toContainEqual(expect.stringContaining(`right without a call: ${action} on`))
  })

  test('a permission for another role', () => {
    const call: Call = {
      action: 'lambda:AddPermission',
      resource: 'arn:aws:lambda:us-east-1:000000000000:function:echo',
      context: { 'lambda:Principal': 'arn:aws:iam::000000000000:role/another' },
    }
    expect(compare(rights.registration, [...calls.registration, call])).toEqual([
      `call without a right: ${call.action} on ${call.resource}`,
    ])
  })
})

/** The calls that need a right of the role. Those that invoke need one of the function. */
const own = (name: Name) => calls[name].filter(it => it.action !== 'lambda:InvokeFunction')

const recorded = (lines: string): RecordedRequest[] =>
  lines
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
