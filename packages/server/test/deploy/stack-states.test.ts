import { beforeEach, expect, test, vi } from 'vitest'

import { type DeployOptions, deploy } from '../../src/deploy/deploy.ts'
import { destroy } from '../../src/deploy/destroy.ts'
import { BARE } from './command.ts'
import { type Answer, AwsError, denied, fakeAws } from './fake-aws.ts'

// What the commands make of stacks in unusual states, which moto does not have.

const ID = 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1'
const OPTIONS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'A', secretAccessKey: 'B' },
  bucket: 'mine',
}
const OURS = { McpUrl: 'https://x', RegistrationUrl: 'https://y', RegistrationTableName: 'table-1' }

beforeEach(() => {
  for (const [name, value] of Object.entries(BARE))
    if (name.startsWith('AWS_')) vi.stubEnv(name, value)
  return () => void vi.unstubAllEnvs()
})

type Event = [logicalId: string, status: string, reason: string]

interface Given {
  status: string
  /** The status after the stack was changed, and its events. */
  after?: string
  /** Oldest first. The last ones are about the change. */
  events?: Event[]
  outputs?: Record<string, string>
  more?: Record<string, unknown>
  answers?: Record<string, Answer>
}

/** CloudFormation with one stack. Both changes of it end at once, in the state `after`. */
async function withStack({ status, after, events = [], outputs = OURS, more, answers }: Given) {
  let now = status
  let shown = after ? 0 : events.length
  const change = () => {
    now = after ?? now
    shown = events.length
    return {}
  }
  const aws = await fakeAws({
    DescribeStacks() {
      if (now === 'DELETE_COMPLETE') return new AwsError(400, 'ValidationError', 'does not exist')
      const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({
        OutputKey,
        OutputValue,
      }))
      const known = { StackId: ID, StackName: 'mcp-lambda-sam', Outputs, ...more }
      const StackStatus = now
      if (now.startsWith('IMPORT_IN')) change()
      return { Stacks: [{ ...known, StackStatus }] }
    },
    DescribeStackEvents: () => ({
      StackEvents: events
        .slice(0, shown)
        .map(([LogicalResourceId, ResourceStatus, ResourceStatusReason], n) => ({
          EventId: String(n),
          LogicalResourceId,
          ResourceType:
            LogicalResourceId === 'mcp-lambda-sam'
              ? 'AWS::CloudFormation::Stack'
              : 'AWS::Lambda::Function',
          ResourceStatus,
          ...(ResourceStatusReason && { ResourceStatusReason }),
        }))
        .reverse(),
    }),
    GetAccountSettings: denied('lambda:GetAccountSettings'),
    CreateChangeSet: { Id: 'c', StackId: ID },
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    DeleteChangeSet: {},
    ExecuteChangeSet: change,
    DeleteStack: change,
    ...answers,
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  return { actions: () => aws.calls.map(it => it.action) }
}

const deployed = (options: DeployOptions = {}) => deploy({ ...OPTIONS, ...options })
const destroyed = (deleteRegistrations = false) => destroy({ ...OPTIONS, deleteRegistrations })

test.each([
  ['UPDATE_ROLLBACK_FAILED', /"Continue update rollback", then deploy again\.$/],
  ['UPDATE_FAILED', /"Roll back", then deploy again\.$/],
  ['DELETE_COMPLETE', /was deleted meanwhile; deploy again\.$/],
])('the hint of a deployment that ends with %s fits the state', async (after, hint) => {
  await withStack({
    status: 'CREATE_COMPLETE',
    after,
    events: [['McpFunction', 'UPDATE_FAILED', 'no such key']],
  })
  await expect(deployed()).rejects.toMatchObject({
    code: 'stack_failed',
    message: expect.stringContaining('McpFunction (AWS::Lambda::Function): no such key'),
    hint: expect.stringMatching(hint),
  })
})

test.each([
  ['UPDATE_FAILED', /"Roll back"/],
  ['UPDATE_ROLLBACK_FAILED', /"Continue update rollback"/],
])('a stack that is %s is not deployed to, and the hint says what to do', async (status, hint) => {
  const { actions } = await withStack({ status })
  await expect(deployed({ replaceFailed: true })).rejects.toMatchObject({
    code: 'stack_unusable',
    hint: expect.stringMatching(hint),
  })
  expect(actions()).not.toContain('DeleteStack')
})

test('a failed deletion is explained by its own events, not by older ones', async () => {
  await withStack({
    status: 'DELETE_FAILED',
    events: [
      ['McpFunction', 'UPDATE_FAILED', 'last year'],
      ['mcp-lambda-sam', 'DELETE_IN_PROGRESS', 'User Initiated'],
      ['SecurityGroup', 'DELETE_FAILED', 'has a dependent object'],
    ],
  })
  await expect(deployed()).rejects.toMatchObject({
    code: 'stack_unusable',
    message: expect.stringMatching(/attempt to delete it failed at SecurityGroup .*dependent/),
    hint: expect.stringMatching(/destroy --stack-name.*--region us-east-1".*--replace-failed/),
  })
})

test('a deployment waits for an import, and follows it', async () => {
  await withStack({ status: 'IMPORT_IN_PROGRESS', after: 'IMPORT_COMPLETE' })
  await expect(deployed({ confirm: () => false })).resolves.toMatchObject({ status: 'declined' })
})

const IN_USE = 'Cannot delete export mcp-lambda-sam-mcp-resource as it is in use by tools.'

test('a deletion that CloudFormation cancels says which stack imports the export', async () => {
  await withStack({
    status: 'UPDATE_COMPLETE',
    after: 'UPDATE_COMPLETE',
    events: [
      ['mcp-lambda-sam', 'DELETE_IN_PROGRESS', 'User Initiated'],
      ['mcp-lambda-sam', 'UPDATE_COMPLETE', `Delete canceled. ${IN_USE}`],
    ],
  })
  await expect(destroyed()).rejects.toMatchObject({
    code: 'stack_failed',
    message: expect.stringMatching(/could not be deleted .*in use by tools$/),
    hint: expect.stringContaining('Other stacks import that value'),
  })
})

test('an update that changes an imported export says which stack imports it', async () => {
  await withStack({
    status: 'UPDATE_COMPLETE',
    after: 'UPDATE_ROLLBACK_COMPLETE',
    events: [
      ['mcp-lambda-sam', 'UPDATE_IN_PROGRESS', 'User Initiated'],
      ['McpFunction', 'UPDATE_COMPLETE', ''],
      ['mcp-lambda-sam', 'UPDATE_ROLLBACK_IN_PROGRESS', IN_USE],
      ['mcp-lambda-sam', 'UPDATE_ROLLBACK_COMPLETE', ''],
    ],
  })
  await expect(deployed()).rejects.toMatchObject({
    message: expect.stringMatching(/UPDATE_ROLLBACK_COMPLETE: .*in use by tools$/),
    hint: expect.stringContaining('Other stacks import that value'),
  })
})

test('an export whose name another stack has asks for another prefix', async () => {
  const reason = 'Export with name mcp-lambda-sam-mcp-resource is already exported by stack old'
  await withStack({
    status: 'REVIEW_IN_PROGRESS',
    after: 'ROLLBACK_COMPLETE',
    events: [['mcp-lambda-sam', 'ROLLBACK_IN_PROGRESS', `${reason}.`]],
  })
  await expect(deployed()).rejects.toMatchObject({
    message: expect.stringMatching(/ROLLBACK_COMPLETE: .*already exported by stack old$/),
    hint: expect.stringMatching(/StackIdentifier=<prefix>.*--replace-failed/),
  })
})

test('the environment variables in a message of Lambda, which may be secrets, are not shown', async () => {
  const reason =
    'because the environment variables you have provided exceeded the 4KB limit. String measured: '
  await withStack({
    status: 'UPDATE_COMPLETE',
    after: 'UPDATE_ROLLBACK_COMPLETE',
    events: [['McpFunction', 'UPDATE_FAILED', `${reason}{"REQUEST_STATE_KEYS":"hush\nhush"}`]],
  })
  const shown: unknown[] = []
  const onProgress: DeployOptions['onProgress'] = it => shown.push(it)
  const error = await deployed({ onProgress }).catch(it => it)
  expect(error).toMatchObject({
    message: expect.stringMatching(/4KB limit$/),
    hint: expect.stringMatching(/^Instructions, AllowedOrigins and RequestStateKeys are too long/),
  })
  expect(JSON.stringify(shown)).toContain('4KB limit')
  expect(JSON.stringify([shown, error])).not.toContain('hush')
})

test('parameters that are too long for a function are refused before a change set', async () => {
  const { actions } = await withStack({ status: 'UPDATE_COMPLETE' })
  const parameters = { Instructions: 'é'.repeat(1_500), RequestStateKeys: 'k'.repeat(600) }
  await expect(deployed({ parameters })).rejects.toMatchObject({
    code: 'invalid_option',
    message: expect.stringMatching(/^Instructions, .* have 3608 bytes together/),
  })
  expect(actions()).not.toContain('CreateChangeSet')
})

test('a stack with termination protection is not deleted, and the hint turns it off', async () => {
  const more = { EnableTerminationProtection: true }
  const { actions } = await withStack({ status: 'CREATE_COMPLETE', more })
  await expect(destroyed()).rejects.toMatchObject({
    code: 'invalid_option',
    hint: expect.stringContaining(
      '--no-enable-termination-protection --stack-name mcp-lambda-sam --region us-east-1',
    ),
  })
  expect(actions()).not.toContain('DeleteStack')
})

test('a table that cannot be deleted after its stack is named with the command for it', async () => {
  await withStack({
    status: 'CREATE_COMPLETE',
    after: 'DELETE_COMPLETE',
    answers: { DescribeTable: {}, DeleteTable: denied('dynamodb:DeleteTable') },
  })
  await expect(destroyed(true)).rejects.toMatchObject({
    code: 'access_denied',
    message: expect.stringMatching(/^The stack .* is deleted, .* table-1 is not: .*DeleteTable$/),
    hint: expect.stringContaining(
      'aws dynamodb delete-table --table-name table-1 --region us-east-1"',
    ),
  })
})

test('a table that is gone already does not stop the deletion of its stack', async () => {
  const missing = new AwsError(400, 'ResourceNotFoundException', 'Requested resource not found')
  await withStack({
    status: 'CREATE_COMPLETE',
    after: 'DELETE_COMPLETE',
    answers: { DescribeTable: missing, DeleteTable: missing },
  })
  expect(await destroyed(true)).toMatchObject({ status: 'deleted' })
})

test('a stack of another product with an output McpUrl is neither changed nor deleted', async () => {
  const { actions } = await withStack({
    status: 'CREATE_COMPLETE',
    outputs: { McpUrl: 'https://x' },
    more: { Description: 'Our application' },
  })
  for (const attempt of [deployed, destroyed])
    await expect(attempt()).rejects.toMatchObject({ code: 'foreign_stack' })
  expect(actions()).not.toContain('CreateChangeSet')
  expect(actions()).not.toContain('DeleteStack')
})

test.each(['', 'my_gateway'])('%j is not the name of a stack', async stackName => {
  const { actions } = await withStack({ status: 'CREATE_COMPLETE' })
  for (const attempt of [deploy, destroy])
    await expect(attempt({ ...OPTIONS, stackName })).rejects.toMatchObject({
      code: 'invalid_option',
      message: `"${stackName}" is not the name of a stack`,
    })
  expect(actions()).toEqual([])
})

test('an empty variable is not the name of a bucket', async () => {
  await expect(deployed({ bucket: '' })).rejects.toMatchObject({
    code: 'invalid_option',
    message: '"" is not the name of a bucket',
  })
})

test('a bucket that S3 does not tell of is not said to be in another region', async () => {
  const answers = { S3: new AwsError(400, 'ExpiredToken', 'The token has expired') }
  await withStack({ status: 'CREATE_COMPLETE', answers })
  await expect(deployed()).rejects.toMatchObject({
    code: 'bucket_unusable',
    message: 'S3 refuses to tell of the bucket mine',
    hint: expect.stringMatching(/credentials have expired/),
  })
})
