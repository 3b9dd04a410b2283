import { AddPermissionCommand, LambdaClient, RemovePermissionCommand } from '@aws-sdk/client-lambda'
import { beforeEach, describe, expect, test } from 'vitest'

import { resourcePolicyPermissions } from '../../src/registration/invoke-permission/resource-policy.ts'
import { sharedFixture } from '../local/fixture.ts'
import { type FakeResponse, startEdge } from '../support/faulty-network.ts'
import { policiesOf } from '../support/policies.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:buffered'
const ROLE = 'arn:aws:iam::000000000000:role/gateway'
const OTHER = 'arn:aws:lambda:eu-west-1:111111111111:function:weather:live'

let edge: Awaited<ReturnType<typeof startEdge>>
let permissions: ReturnType<typeof resourcePolicyPermissions>
let lambda: LambdaClient
let policies: ReturnType<typeof policiesOf>

beforeEach(async () => {
  const fixture = await sharedFixture()
  const { lambdaUrl, region, credentials } = fixture
  edge = await startEdge(lambdaUrl)
  const clientFor = (region: string) =>
    new LambdaClient({ endpoint: edge.url, region, credentials, maxAttempts: 1 })
  permissions = resourcePolicyPermissions(clientFor, ROLE)
  lambda = new LambdaClient({ endpoint: lambdaUrl, region, credentials })
  policies = policiesOf(fixture)
  await policies.clear(ARN, `${ARN}:live`, `${ARN}:7`, ARN.replace('us-east-1', 'eu-west-1'))
  return () => edge.close()
})

const statements = (arn = ARN) => policies.statements(arn)

const operations = () => edge.calls.map(({ operation }) => operation)

/** Every call of this operation gets this response and does not reach Lambda. */
function refuse(operation: string, response: FakeResponse) {
  edge.hook = call => (call.operation === operation ? response : undefined)
}

const error = (status: number, type: string): FakeResponse => ({
  status,
  type,
  body: { message: `${type} of Lambda` },
})

/** Runs an AWS CLI command as a call of the API. */
async function run(command = '') {
  const [, operation] = /^aws lambda ([\w-]+) /.exec(command) ?? []
  const flag = (name: string) => new RegExp(` --${name} (\\S+)`).exec(command)?.[1]
  const place = { FunctionName: flag('function-name'), Qualifier: flag('qualifier') }
  const input = { ...place, StatementId: flag('statement-id') }
  expect(flag('region')).toBe('us-east-1')
  if (operation === 'remove-permission') return lambda.send(new RemovePermissionCommand(input))
  expect(operation).toBe('add-permission')
  return lambda.send(
    new AddPermissionCommand({ ...input, Action: flag('action'), Principal: flag('principal') }),
  )
}

describe('granting', () => {
  test.each([ARN, `${ARN}:live`, `${ARN}:7`])('adds a statement to the policy of %s', async arn => {
    expect(await permissions.grant(arn)).toEqual({ state: 'ready' })
    expect(await statements(arn)).toEqual([
      {
        Sid: expect.stringMatching(/^mcp-lambda-sam-[0-9a-f]{16}$/),
        Effect: 'Allow',
        Principal: { AWS: ROLE },
        Action: 'lambda:InvokeFunction',
        Resource: arn,
      },
    ])
    expect(await permissions.status(arn)).toEqual({ state: 'ready' })
    // grant reads, adds and reads back; status reads once more
    expect(operations()).toEqual(['GetPolicy', 'AddPermission', 'GetPolicy', 'GetPolicy'])
  })

  test('again reads the policy once and adds nothing', async () => {
    await permissions.grant(ARN)
    edge.calls.length = 0
    expect(await permissions.grant(ARN)).toEqual({ state: 'ready' })
    expect(operations()).toEqual(['GetPolicy'])
    expect(await statements()).toHaveLength(1)
  })

  test('ten times at once leaves one statement', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => permissions.grant(ARN)))
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(['ready']))
    expect(await statements()).toHaveLength(1)
  })

  test('calls Lambda in the region of the function', async () => {
    await permissions.grant(ARN.replace('us-east-1', 'eu-west-1'))
    expect(new Set(edge.calls.map(({ region }) => region))).toEqual(new Set(['eu-west-1']))
  })

  test('does not rely on the policy that is read just after a revocation', async () => {
    await permissions.grant(ARN)
    const before = { Policy: JSON.stringify({ Statement: await statements() }) }
    await permissions.revoke(ARN)
    let stale = true
    edge.hook = ({ operation }, when) => {
      if (operation === 'AddPermission') stale = false
      return operation === 'GetPolicy' && when === 'before' && stale
        ? { status: 200, body: before }
        : undefined
    }
    expect(await permissions.grant(ARN, true)).toEqual({ state: 'ready' })
    expect(await statements()).toHaveLength(1)
  })

  test('waits for another update of the function', async () => {
    let conflicts = 2
    edge.hook = ({ operation }, when) =>
      operation === 'AddPermission' && when === 'before' && conflicts-- > 0
        ? error(409, 'ResourceConflictException')
        : undefined
    expect(await permissions.grant(ARN)).toEqual({ state: 'ready' })
  })

  test('adds nothing where another statement allows the role', async () => {
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: ARN,
        StatementId: 'terraform',
        Action: 'lambda:InvokeFunction',
        Principal: ROLE,
      }),
    )
    expect(await permissions.grant(ARN)).toEqual({ state: 'ready' })
    expect(await statements()).toHaveLength(1)
  })

  const foreign: [string, object][] = [
    ['another action', { Action: 'lambda:GetFunction' }],
    ['another role', { Principal: { AWS: `${ROLE}-2` } }],
    ['a condition', { Condition: { StringEquals: { 'aws:SourceAccount': '1' } } }],
    ['a denial', { Effect: 'Deny' }],
    ['an alias', { Resource: `${ARN}:live` }],
  ]
  test.each(foreign)('ignores a statement with %s', async (_, difference) => {
    const Statement = [
      {
        Sid: 'x',
        Effect: 'Allow',
        Principal: { AWS: ROLE },
        Action: 'lambda:InvokeFunction',
        Resource: ARN,
        ...difference,
      },
    ]
    refuse('GetPolicy', { status: 200, body: { Policy: JSON.stringify({ Statement }) } })
    expect(await permissions.status(ARN)).toMatchObject({ state: 'missing' })
  })

  test('replaces an orphaned statement of a deleted role', async () => {
    const { fix } = await orphaned()
    expect(fix).toHaveLength(2)
    edge.calls.length = 0
    expect(await permissions.grant(ARN)).toEqual({ state: 'ready' })
    expect(operations()).toEqual(['GetPolicy', 'RemovePermission', 'AddPermission', 'GetPolicy'])
  })

  test('of an orphaned statement can be done by hand', async () => {
    const { fix } = await orphaned()
    edge.hook = () => undefined
    for (const command of fix) await run(command)
    expect(await permissions.status(ARN)).toEqual({ state: 'ready' })
  })

  /**
   * The policy as IAM shows it after the role was deleted: with the role's id instead of its ARN.
   */
  async function orphaned() {
    await permissions.grant(ARN)
    const Policy = JSON.stringify({ Statement: await statements() }).replace(ROLE, 'AROAEXAMPLE')
    let gone = true
    edge.hook = ({ operation }, when) => {
      if (operation === 'RemovePermission') gone = false
      return operation === 'GetPolicy' && gone && when === 'before'
        ? { status: 200, body: { Policy } }
        : undefined
    }
    const status = await permissions.status(ARN)
    if (status.state !== 'not_granted') return expect.fail(status.state)
    expect(status.message).toContain('deleted')
    return status
  }
})

describe('a status', () => {
  test('says that the function does not exist', async () => {
    const status = await permissions.grant(ARN.replace('buffered', 'later'))
    expect(status).toMatchObject({
      state: 'function_not_found',
      message: expect.stringContaining('Deploy it'),
    })
    expect(await permissions.status(ARN.replace('buffered', 'later'))).toMatchObject({
      state: 'missing',
    })
  })

  test.each([ARN, `${ARN}:live`])('of %s has the command that grants the permission', async arn => {
    const status = await permissions.status(arn)
    if (status.state !== 'missing') return expect.fail(status.state)
    for (const command of status.fix) await run(command)
    expect(await permissions.status(arn)).toEqual({ state: 'ready' })
    expect(await permissions.grant(arn)).toEqual({ state: 'ready' })
  })

  test.each([
    ['AddPermission', error(403, 'AccessDeniedException'), 'not_granted'],
    ['GetPolicy', error(403, 'AccessDeniedException'), 'not_granted'],
    ['AddPermission', error(400, 'InvalidParameterValueException'), 'not_granted'],
    ['AddPermission', error(429, 'TooManyRequestsException'), 'unknown'],
    ['AddPermission', error(500, 'ServiceException'), 'unknown'],
    ['GetPolicy', 'cut' as const, 'unknown'],
    ['AddPermission', error(409, 'ResourceConflictException'), 'unknown'],
  ])('%s that fails with %j gives a status and no error', async (operation, response, state) => {
    refuse(operation, response)
    const status = await permissions.grant(ARN)
    expect(status).toMatchObject({ state, message: expect.stringContaining(ARN) })
    if (status.state === 'ready') return expect.fail('it is not')
    if (response !== 'cut' && response.type !== 'ResourceConflictException')
      expect(status.message).toContain(`${response.type} of Lambda`)
    expect(status.fix).toHaveLength(state === 'not_granted' ? 1 : 0)
  })

  test('of a full policy has the command for the policy of the role', async () => {
    const fill = async () => {
      for (let n = 0; ; n++)
        await lambda.send(
          new AddPermissionCommand({
            FunctionName: ARN,
            StatementId: String(n),
            Action: 'lambda:InvokeFunction',
            Principal: '222222222222',
          }),
        )
    }
    await expect(fill()).rejects.toMatchObject({ name: 'PolicyLengthExceededException' })
    const status = await permissions.grant(ARN)
    expect(status).toMatchObject({ state: 'not_granted', message: /is full/ })
    if (status.state === 'ready') return
    const [command = ''] = status.fix
    expect(command).toMatch(
      /^aws iam put-role-policy --role-name gateway --policy-name invoke-buffered-[0-9a-f]{8} --policy-document '/,
    )
    expect(JSON.parse(command.split("'")[1] ?? '')).toEqual({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: ARN }],
    })
  })

  test('of a function in another account has the commands for both sides, without a call of Lambda', async () => {
    const status = await permissions.grant(OTHER)
    const [, sid] = /--statement-id (\S+)/.exec(JSON.stringify(status)) ?? []
    const [name] = /invoke-weather-[0-9a-f]{8}/.exec(JSON.stringify(status)) ?? []
    const document = (statement: object) => ({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: OTHER, ...statement },
      ],
    })
    expect(status).toEqual({
      state: 'other_account',
      message: expect.stringContaining('an administrator of 111111111111 runs the first'),
      fix: [
        `aws lambda add-permission --region eu-west-1 --function-name ${OTHER.replace(':live', '')} --qualifier live --statement-id ${sid} --action lambda:InvokeFunction --principal ${ROLE}`,
        `aws iam put-role-policy --role-name gateway --policy-name ${name} --policy-document '${JSON.stringify(document({}))}'`,
      ],
      policies: {
        function: document({ Sid: sid, Principal: { AWS: ROLE } }),
        role: document({}),
      },
    })
    expect(await permissions.status(OTHER)).toEqual(status)
    expect(await permissions.revoke(OTHER)).toMatchObject({
      message: expect.stringMatching(
        /aws lambda remove-permission .* ; aws iam delete-role-policy/,
      ),
      retryable: false,
    })
    expect(edge.calls).toEqual([])
  })
})

describe('revoking', () => {
  test('removes our statement and keeps all others', async () => {
    await permissions.grant(ARN)
    await permissions.grant(`${ARN}:live`)
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: ARN,
        StatementId: 'terraform',
        Action: 'lambda:InvokeFunction',
        Principal: ROLE,
      }),
    )
    expect(await permissions.revoke(ARN)).toBeUndefined()
    expect(await statements()).toMatchObject([{ Sid: 'terraform' }])
    expect(await statements(`${ARN}:live`)).toHaveLength(1)
  })

  test('succeeds where the statement or the function does not exist', async () => {
    expect(await permissions.revoke(ARN)).toBeUndefined()
    expect(await permissions.revoke(ARN.replace('buffered', 'gone'))).toBeUndefined()
  })

  test.each([
    [error(403, 'AccessDeniedException'), false],
    [error(429, 'TooManyRequestsException'), true],
    ['cut' as const, true],
  ])('that fails with %j gives the reason and the command', async (response, retryable) => {
    await permissions.grant(ARN)
    refuse('RemovePermission', response)
    const leftover = await permissions.revoke(ARN)
    expect(leftover).toMatchObject({ retryable })
    await run(leftover?.message.split(': ').at(-1))
    expect(await statements()).toEqual([])
  })
})
