import { AddPermissionCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { beforeEach, describe, expect, test } from 'vitest'

import { resourcePolicyPermissions } from '../../src/registration/invoke-permission/resource-policy.ts'
import { sharedFixture } from '../local/fixture.ts'
import { type FakeResponse, startEdge } from '../support/faulty-network.ts'
import { policiesOf } from '../support/policies.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:buffered'
const ROLE = 'arn:aws:iam::000000000000:role/gateway'

let edge: Awaited<ReturnType<typeof startEdge>>
let permissions: ReturnType<typeof resourcePolicyPermissions>
let lambda: LambdaClient
let policies: ReturnType<typeof policiesOf>
let clientFor: (region: string) => LambdaClient

beforeEach(async () => {
  const fixture = await sharedFixture()
  const { lambdaUrl, region, credentials } = fixture
  edge = await startEdge(lambdaUrl)
  clientFor = region =>
    new LambdaClient({ endpoint: edge.url, region, credentials, maxAttempts: 1 })
  permissions = resourcePolicyPermissions(clientFor, ROLE)
  lambda = new LambdaClient({ endpoint: lambdaUrl, region, credentials })
  policies = policiesOf(fixture)
  await policies.clear(ARN, `${ARN}:live`, `${ARN}:7`, ARN.replace('us-east-1', 'eu-west-1'))
  return () => edge.close()
})

const statements = (arn = ARN) => policies.statements(arn)

/** Every call of this operation gets this response and does not reach Lambda. */
function refuse(operation: string, response: FakeResponse) {
  edge.hook = call => (call.operation === operation ? response : undefined)
}

const error = (status: number, type: string): FakeResponse => ({
  status,
  type,
  body: { message: `${type} of Lambda` },
})

describe('a status', () => {
  const denied = (message: string): FakeResponse => ({
    status: 403,
    type: 'AccessDeniedException',
    body: { message },
  })
  const IMPLICIT =
    'User: registration is not authorized to perform: lambda:AddPermission because no identity-based policy allows the lambda:AddPermission action'

  test('of a denial that the condition of the role may cause says so in one sentence', async () => {
    refuse('AddPermission', denied(IMPLICIT))
    const status = await permissions.grant(ARN)
    expect(status).toMatchObject({
      state: 'not_granted',
      message: expect.stringMatching(
        /allows the lambda:AddPermission action\. The condition lambda:Principal [^.]* does not match: deploy the stack with the parameter GrantCondition=none$/,
      ),
    })
  })

  test.each([
    [
      'AddPermission',
      IMPLICIT.replace(/because.*/, 'with an explicit deny in a service control policy'),
    ],
    ['AddPermission', IMPLICIT.replace('identity-based policy', 'permissions boundary')],
    ['GetPolicy', IMPLICIT],
  ])('of a denial of %s with another cause does not: %s', async (operation, message) => {
    refuse(operation, denied(message))
    const status = await permissions.grant(ARN)
    expect(status).toMatchObject({ message: expect.not.stringContaining('GrantCondition') })
  })

  test('of a denial without the condition does not blame it', async () => {
    refuse('AddPermission', denied(IMPLICIT))
    const unlimited = resourcePolicyPermissions(clientFor, ROLE, 'none')
    expect(await unlimited.grant(ARN)).toMatchObject({
      message: expect.not.stringContaining('GrantCondition'),
    })
  })
})

describe('a revocation', () => {
  test('counts as done where the removal of a missing statement is denied', async () => {
    refuse('RemovePermission', error(403, 'AccessDeniedException'))
    expect(await permissions.revoke(ARN)).toBeUndefined()
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
  })

  test('is not done where the removal is denied and the policy cannot be read', async () => {
    edge.hook = () => error(403, 'AccessDeniedException')
    expect(await permissions.revoke(ARN)).toMatchObject({
      message: expect.stringContaining('AccessDeniedException'),
      retryable: false,
    })
  })
})
