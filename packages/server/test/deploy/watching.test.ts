import { expect, test, vi } from 'vitest'

import { deploy, type Progress } from '../../src/deploy/deploy.ts'
import { destroy } from '../../src/deploy/destroy.ts'
import { fakeAws } from './fake-aws.ts'

const ID = 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1'
const credentials = { accessKeyId: 'A', secretAccessKey: 'B' }

const stack = (StackStatus: string) => ({
  Stacks: [
    {
      StackId: ID,
      StackName: 'mcp-lambda-sam',
      StackStatus,
      Description: 'MCP Lambda SAM',
      Outputs: [{ OutputKey: 'McpUrl', OutputValue: 'https://x' }],
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
    hint: expect.stringMatching(/^Deploy again to watch it, .*"mcp-lambda-sam status/),
  })
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
