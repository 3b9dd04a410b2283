import { beforeEach, expect, test, vi } from 'vitest'

import { deploy } from '../../src/index.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { BARE } from './command.ts'
import { type Answer, AwsError, denied, type FakeAws, fakeAws } from './fake-aws.ts'

// The answers of CloudFormation to change sets that it refuses, which moto cannot give.

const ID = 'arn:aws:cloudformation:us-east-1:000000000000:changeSet/mcp-lambda-sam-1/0f1e2d3c'
const STACK = 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/4b5a6978'
const EARLY =
  'The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.'

beforeEach(() => {
  for (const [name, value] of Object.entries(BARE))
    if (name.startsWith('AWS_')) vi.stubEnv(name, value)
  return () => void vi.unstubAllEnvs()
})

/** A CloudFormation without a stack that refuses every change set with this reason. */
async function refusing(
  StatusReason: string,
  DescribeEvents: Answer | ((parameters: Record<string, string>) => Answer),
) {
  const aws = await fakeAws({
    DescribeStacks: () =>
      aws.calls.some(it => it.action === 'CreateChangeSet')
        ? { Stacks: [{ StackId: STACK, StackName: 'x', StackStatus: 'REVIEW_IN_PROGRESS' }] }
        : new AwsError(400, 'ValidationError', 'Stack with id x does not exist'),
    GetAccountSettings: {
      AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 1000 },
    },
    CreateChangeSet: { Id: ID, StackId: STACK },
    DescribeChangeSet: { ChangeSetId: ID, Status: 'FAILED', StatusReason },
    DescribeEvents,
    DeleteChangeSet: {},
    DeleteStack: {},
  })
  return aws
}

/** The error of a deployment against these APIs. */
async function refusal({ endpoint }: FakeAws) {
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  return deploy({ region: 'us-east-1', credentials: DEVELOPER }).then(
    it => expect.fail(`deployed: ${it.status}`),
    error => error,
  )
}

const failed = (LogicalResourceId: string, ResourceType: string, more: object) => ({
  EventId: LogicalResourceId,
  EventType: 'VALIDATION_ERROR',
  LogicalResourceId,
  ResourceType,
  ValidationFailureMode: 'FAIL',
  ValidationStatus: 'FAILED',
  ...more,
})

const taken = (id: string, type: string, name: string) =>
  failed(id, type, {
    ValidationName: 'NAME_CONFLICT_VALIDATION',
    ValidationStatusReason: `Resource of type '${type}' with identifier '${name}' already exists.`,
  })

test('a refused change set is explained with the names that are taken', async () => {
  const aws = await refusing(EARLY, {
    OperationEvents: [
      taken('McpFunction', 'AWS::Lambda::Function', 'mcp-lambda-sam-mcp'),
      taken('McpLogs', 'AWS::Logs::LogGroup', '/aws/lambda/mcp-lambda-sam-mcp'),
    ],
  })
  const error = await refusal(aws)
  expect(error).toMatchObject({
    code: 'change_set_failed',
    hint: expect.stringContaining('--parameter StackIdentifier=<prefix>, or delete that resource'),
  })
  expect(error.message.split('\n')).toEqual([
    'CloudFormation refused the change set: The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].',
    "  McpFunction (AWS::Lambda::Function): Resource of type 'AWS::Lambda::Function' with identifier 'mcp-lambda-sam-mcp' already exists.",
    "  McpLogs (AWS::Logs::LogGroup): Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/lambda/mcp-lambda-sam-mcp' already exists.",
  ])
  // The events are gone with the change set, and the API takes only its ARN.
  const after = aws.calls.slice(aws.calls.findIndex(it => it.action === 'DescribeChangeSet') + 1)
  expect(after.map(it => it.action)).toEqual([
    'DescribeEvents',
    'DeleteChangeSet',
    'DescribeStacks',
    'DeleteStack',
  ])
  expect(after[0]?.parameters).toMatchObject({ ChangeSetName: ID, 'Filters.FailedEvents': 'true' })
})

test('without the right to read the events the refusal stays the error, and the hint names the right', async () => {
  const error = await refusal(await refusing(EARLY, denied('cloudformation:DescribeEvents')))
  expect(error).toMatchObject({
    code: 'change_set_failed',
    message: expect.stringContaining(EARLY),
  })
  expect(error.hint).toMatch(/StackIdentifier=<prefix>.* Allow cloudformation:DescribeEvents/)
})

test('the reasons of all pages are shown once each, without checks that only warn', async () => {
  const hook = { HookType: 'Org::Guard::Hook', HookFailureMode: 'FAIL', EventId: '3' }
  const pages: Record<string, Answer> = {
    first: {
      NextToken: 'second',
      OperationEvents: [
        failed('McpFunction', 'AWS::Lambda::Function', {
          ValidationStatusReason: 'Unsupported property [Speed]',
          PhysicalResourceId: 'mcp-lambda-sam-mcp',
        }),
        failed('SessionTable', 'AWS::DynamoDB::Table', {
          ValidationStatusReason: 'is not empty',
          ValidationFailureMode: 'WARN',
        }),
        { EventId: '2', EventType: 'STACK_EVENT' },
      ],
    },
    second: {
      OperationEvents: [
        { ...hook, EventType: 'HOOK_INVOCATION_ERROR', HookStatusReason: 'No tags & no <owner>' },
        { ...hook, EventType: 'HOOK_INVOCATION_ERROR', HookStatusReason: 'No tags & no <owner>' },
      ],
    },
  }
  const { message, hint } = await refusal(
    await refusing(
      'The following hook(s) failed: [Org::Guard::Hook]',
      ({ NextToken = 'first' }) => pages[NextToken] ?? {},
    ),
  )
  expect(message.split('\n').slice(1)).toEqual([
    '  McpFunction (AWS::Lambda::Function): mcp-lambda-sam-mcp: Unsupported property [Speed]',
    '  No tags & no <owner>',
  ])
  expect(hint).toMatch(/^Nothing was changed\. Correct what the message names/)
})

test('pages without an end are not read for ever, and few lines are shown', async () => {
  const aws = await refusing(EARLY, ({ NextToken = '' }) => ({
    NextToken: `${NextToken}x`,
    OperationEvents: ['a', 'b', 'c'].map(it =>
      taken(`${it}${NextToken}`, 'AWS::Logs::LogGroup', `${it}${NextToken}`),
    ),
  }))
  const lines = (await refusal(aws)).message.split('\n')
  expect(lines).toHaveLength(22)
  expect(lines.at(-1)).toBe('  and 10 more')
})

test('a refusal without events keeps the reason of CloudFormation', async () => {
  const reason = 'Parameter validation failed: no such zone'
  expect(await refusal(await refusing(reason, { OperationEvents: [] }))).toMatchObject({
    code: 'change_set_failed',
    message: `CloudFormation refused the change set: ${reason}`,
    hint: expect.not.stringContaining('StackIdentifier'),
  })
})

test.each([
  [
    "Parameter 'MemorySize' must be a number not less than 256",
    'change_set_failed',
    /^Nothing was changed\. Correct what the message names, often a parameter/,
  ],
  [
    'Stack:arn:x is in UPDATE_IN_PROGRESS state and can not be updated.',
    'stack_busy',
    /^Wait until the change has ended/,
  ],
])('a request that is refused with "%s" has the code %s', async (message, code, hint) => {
  const { endpoint } = await fakeAws({
    DescribeStacks: new AwsError(400, 'ValidationError', 'Stack with id x does not exist'),
    GetAccountSettings: denied('lambda:GetAccountSettings'),
    CreateChangeSet: new AwsError(400, 'ValidationError', message),
  })
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  const deployment = deploy({ region: 'us-east-1', credentials: DEVELOPER })
  await expect(deployment).rejects.toMatchObject({
    code,
    message: `CloudFormation refused the change set: ${message}`,
    hint: expect.stringMatching(hint),
  })
})
