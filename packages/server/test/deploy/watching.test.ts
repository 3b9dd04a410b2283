import { afterEach, expect, test, vi } from 'vitest'

import { deploy, type Progress } from '../../src/deploy/deploy.ts'
import { destroy } from '../../src/deploy/destroy.ts'
import { type Answer, AwsError, CUT, denied, fakeAws } from './fake-aws.ts'

const ID = 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1'
const credentials = { accessKeyId: 'A', secretAccessKey: 'B' }

afterEach(() => void vi.unstubAllEnvs())

const stack = (StackStatus: string) => ({
  Stacks: [
    {
      StackId: ID,
      StackName: 'mcp-lambda-sam',
      StackStatus,
      Description: 'MCP Lambda SAM',
    },
  ],
})

const CHANGES = {
  GetAccountSettings: {
    AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 1000 },
  },
  CreateChangeSet: { Id: 'c', StackId: ID },
  DescribeStackEvents: { StackEvents: [] },
}

test('a deployment whose connection is lost goes on, and the error says how to watch it', async () => {
  let state = 'UPDATE_COMPLETE'
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: () => stack(state),
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    ExecuteChangeSet() {
      state = 'UPDATE_IN_PROGRESS'
      setTimeout(aws.close, 50)
      return {}
    },
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  const options = { region: 'us-east-1', credentials, bucket: 'mine' }
  await expect(deploy(options)).rejects.toMatchObject({
    code: 'connection_failed',
    message:
      'The connection to AWS was lost; the deployment of mcp-lambda-sam goes on in CloudFormation',
    hint: expect.stringMatching(
      /Deploy again to watch it, .*"mcp-lambda-sam status --stack-name mcp-lambda-sam --region us-east-1"/,
    ),
  })
})

test.each([
  ['expired_token', new AwsError(400, 'ExpiredToken', 'The security token is expired')],
  ['access_denied', denied('cloudformation:DescribeStackEvents')],
])('%s while a change is watched says that the change goes on', async (code, refusal) => {
  let state = 'UPDATE_COMPLETE'
  const begin = () => {
    state = 'UPDATE_IN_PROGRESS'
    return {}
  }
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: () => stack(state),
    DescribeStackEvents: (): Answer => (state === 'UPDATE_COMPLETE' ? {} : refusal),
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    ExecuteChangeSet: begin,
    DeleteStack: begin,
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  const options = { region: 'us-east-1', credentials, bucket: 'mine' }
  await expect(deploy(options)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/; the deployment of mcp-lambda-sam goes on in CloudFormation$/),
    hint: expect.stringContaining('status --stack-name mcp-lambda-sam --region us-east-1'),
  })
  expect(aws.calls.map(it => it.action)).not.toContain('DeleteChangeSet')
  state = 'UPDATE_COMPLETE'
  await expect(destroy(options)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/; the deletion of mcp-lambda-sam goes on in CloudFormation$/),
    hint: expect.stringContaining('status --stack-name mcp-lambda-sam --region us-east-1'),
  })
})

test('a deployment is watched to its end although CloudFormation throttles', async () => {
  let state = 'UPDATE_COMPLETE'
  const throttled = new AwsError(400, 'Throttling', 'Rate exceeded')
  const refusals: Answer[] = []
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: () => refusals.pop() ?? stack(state),
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    ExecuteChangeSet() {
      state = 'UPDATE_COMPLETE'
      refusals.push(throttled)
      return {}
    },
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  const options = { region: 'us-east-1', credentials, bucket: 'mine' }
  expect(await deploy(options)).toMatchObject({ status: 'updated' })
  expect(refusals).toEqual([])
})

test('a request whose response is lost is repeated with the same token', async () => {
  const tokens: Record<string, (string | undefined)[]> = { Create: [], Execute: [] }
  const once = (seen: (string | undefined)[] = [], token: string | undefined, answer: Answer) =>
    seen.push(token) === 1 ? CUT : answer
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: stack('UPDATE_COMPLETE'),
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    CreateChangeSet: ({ ClientToken }) =>
      once(tokens['Create'], ClientToken, CHANGES.CreateChangeSet),
    ExecuteChangeSet: ({ ClientRequestToken }) => once(tokens['Execute'], ClientRequestToken, {}),
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  const options = { region: 'us-east-1', credentials, bucket: 'mine' }
  expect(await deploy(options)).toMatchObject({ status: 'updated' })
  for (const [first, second] of Object.values(tokens)) {
    expect(first).toMatch(/^\w/)
    expect(second).toBe(first)
  }
})

/** CloudFormation without a stack. A change set creates an empty one. */
async function nothing({ ExecuteChangeSet = {}, onChangeSet = () => {} }: Given) {
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: () =>
      aws.calls.some(it => it.action === 'CreateChangeSet')
        ? stack(state.now)
        : new AwsError(400, 'ValidationError', 'Stack with id mcp-lambda-sam does not exist'),
    CreateChangeSet() {
      onChangeSet()
      return CHANGES.CreateChangeSet
    },
    DescribeChangeSet: { ChangeSetId: 'c', Status: 'CREATE_COMPLETE' },
    ExecuteChangeSet,
    DeleteChangeSet: {},
    DeleteStack: {},
  })
  const state = { now: 'REVIEW_IN_PROGRESS' }
  const deleted = () => aws.calls.map(it => it.action).filter(it => it.startsWith('Delete'))
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  return { state, deleted }
}

interface Given {
  ExecuteChangeSet?: Answer
  onChangeSet?: () => void
}

const NEW = { region: 'us-east-1', credentials, bucket: 'mine' }

test('a refused deployment leaves neither a change set nor an empty stack', async () => {
  const { deleted } = await nothing({
    ExecuteChangeSet: denied('cloudformation:ExecuteChangeSet'),
  })
  await expect(deploy(NEW)).rejects.toMatchObject({
    code: 'access_denied',
    message: expect.stringMatching(/^User: .*cloudformation:ExecuteChangeSet$/),
  })
  expect(deleted()).toEqual(['DeleteChangeSet', 'DeleteStack'])
})

test('a deployment that another one has overtaken says so, and keeps its stack', async () => {
  const { state, deleted } = await nothing({
    ExecuteChangeSet: new AwsError(404, 'ChangeSetNotFound', 'ChangeSet [c] does not exist'),
  })
  const confirm = () => {
    state.now = 'CREATE_IN_PROGRESS'
    return true
  }
  await expect(deploy({ ...NEW, confirm })).rejects.toMatchObject({
    code: 'stack_busy',
    message: 'The stack mcp-lambda-sam has been changed meanwhile',
    hint: expect.stringContaining('Deploy again'),
  })
  expect(deleted()).toEqual(['DeleteChangeSet'])
})

test('a deployment that is stopped while its change set is made leaves nothing', async () => {
  const stop = new AbortController()
  const { deleted } = await nothing({ onChangeSet: () => stop.abort() })
  await expect(deploy({ ...NEW, signal: stop.signal })).rejects.toMatchObject({
    code: 'aborted',
    message: 'Stopped; nothing was deployed',
  })
  expect(deleted()).toEqual(['DeleteChangeSet', 'DeleteStack'])
})

test('a declined deployment keeps the stack that another one has created meanwhile', async () => {
  const { state, deleted } = await nothing({})
  const declined = await deploy({
    ...NEW,
    confirm() {
      state.now = 'CREATE_COMPLETE'
      return false
    },
  })
  expect(declined).toMatchObject({ status: 'declined' })
  expect(deleted()).toEqual(['DeleteChangeSet'])
})

test('a deployment beside another one watches it to its end, and then follows', async () => {
  const states = ['UPDATE_IN_PROGRESS', 'UPDATE_COMPLETE', 'UPDATE_COMPLETE']
  const aws = await fakeAws({
    ...CHANGES,
    DescribeStacks: () => stack(states.shift() ?? 'UPDATE_COMPLETE'),
    DescribeChangeSet: {
      ChangeSetId: 'c',
      Status: 'FAILED',
      StatusReason: "The submitted information didn't contain changes.",
    },
    DeleteChangeSet: {},
  })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  const progress: Progress[] = []
  const options = { region: 'us-east-1', credentials, bucket: 'mine' }
  expect(await deploy({ ...options, onProgress: it => progress.push(it) })).toMatchObject({
    status: 'unchanged',
  })
  expect(progress).toContainEqual({ type: 'attached', status: 'UPDATE_IN_PROGRESS' })
  const actions = aws.calls.map(it => it.action)
  expect(actions.indexOf('CreateChangeSet')).toBeGreaterThan(actions.indexOf('DescribeStackEvents'))
})

test('destroying a stack that is being changed says to destroy it later', async () => {
  const aws = await fakeAws({ DescribeStacks: stack('UPDATE_IN_PROGRESS') })
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  await expect(destroy({ region: 'us-east-1', credentials })).rejects.toMatchObject({
    code: 'stack_busy',
    hint: expect.stringMatching(/then destroy again\.$/),
  })
})
