import {
  AddPermissionCommand,
  type AddPermissionCommandInput,
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'
import { expect, onTestFinished, test } from 'vitest'

import { startFixture } from './fixture.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:buffered'
const ROLE = 'arn:aws:iam::000000000000:role/gateway'

async function start(region = 'us-east-1') {
  const { lambdaUrl: endpoint, credentials } = await startFixture()
  const client = new LambdaClient({ endpoint, region, credentials, maxAttempts: 1 })
  onTestFinished(() => client.destroy())
  return {
    client,
    add: (input: Partial<AddPermissionCommandInput> = {}) =>
      client.send(
        new AddPermissionCommand({
          FunctionName: ARN,
          StatementId: 'gateway',
          Action: 'lambda:InvokeFunction',
          Principal: ROLE,
          ...input,
        }),
      ),
    async statements(FunctionName: string, Qualifier?: string) {
      const { Policy = '' } = await client.send(new GetPolicyCommand({ FunctionName, Qualifier }))
      return JSON.parse(Policy).Statement
    },
    remove: (FunctionName: string, StatementId: string, Qualifier?: string) =>
      client.send(new RemovePermissionCommand({ FunctionName, StatementId, Qualifier })),
  }
}

const statement = {
  Sid: 'gateway',
  Effect: 'Allow',
  Principal: { AWS: ROLE },
  Action: 'lambda:InvokeFunction',
  Resource: ARN,
}

test('adds, reads and removes statements, and has no policy without statements', async () => {
  const { add, statements, remove } = await start()
  const { Statement = '' } = await add()
  expect(JSON.parse(Statement)).toEqual(statement)
  await add({ FunctionName: 'buffered', StatementId: 'other', Principal: 's3.amazonaws.com' })
  expect(await statements(ARN)).toEqual([
    statement,
    { ...statement, Sid: 'other', Principal: { Service: 's3.amazonaws.com' } },
  ])
  await remove('buffered', 'gateway')
  expect(await statements(ARN)).toHaveLength(1)
  await expect(remove(ARN, 'gateway')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await remove(ARN, 'other')
  await expect(statements(ARN)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    $metadata: { httpStatusCode: 404 },
  })
})

test('an alias has a policy of its own, in the ARN or as Qualifier', async () => {
  const { add, statements, remove } = await start()
  await add({ Qualifier: 'live' })
  await expect(statements(ARN)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  expect(await statements(`${ARN}:live`)).toEqual([{ ...statement, Resource: `${ARN}:live` }])
  await add()
  await remove(ARN, 'gateway', 'live')
  expect(await statements(ARN)).toEqual([statement])
})

test.each<[string, Partial<AddPermissionCommandInput>, object]>([
  [
    'a statement id that exists',
    {},
    { name: 'ResourceConflictException', message: /already exists/ },
  ],
  ['the qualifier $LATEST', { Qualifier: '$LATEST' }, { name: 'InvalidParameterValueException' }],
  ['an unknown function', { FunctionName: 'unknown' }, { name: 'ResourceNotFoundException' }],
  [
    'a function of another account',
    { FunctionName: ARN.replace('000000000000', '111111111111') },
    { name: 'ResourceNotFoundException' },
  ],
  ['a space in the id', { StatementId: 'a b' }, { name: 'InvalidParameterValueException' }],
  [
    'an invalid principal',
    { StatementId: 'x', Principal: 'me' },
    { name: 'InvalidParameterValueException' },
  ],
  [
    'an invalid action',
    { StatementId: 'x', Action: 'run' },
    { name: 'InvalidParameterValueException' },
  ],
])('AddPermission refuses %s', async (_, input, error) => {
  const { add } = await start()
  await add()
  const { message = /./, ...rest } = error as { message?: RegExp }
  await expect(add(input)).rejects.toMatchObject(rest)
  await expect(add(input)).rejects.toThrow(message)
})

test('refuses a policy above 20 KB', async () => {
  const { add, statements } = await start()
  let added = 0
  const full = async () => {
    for (;;) {
      await add({ StatementId: `${added}-`.padEnd(100, 'x') })
      added++
    }
  }
  await expect(full()).rejects.toMatchObject({ name: 'PolicyLengthExceededException' })
  expect(await statements(ARN)).toHaveLength(added)
  expect(added).toBeGreaterThan(50)
})

test('has no functions in another region', async () => {
  const { client, add } = await start('eu-west-1')
  const invoke = () => client.send(new InvokeCommand({ FunctionName: 'buffered' }))
  for (const call of [add, invoke])
    await expect(call()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})
