import { beforeEach, expect, test, vi } from 'vitest'

import type { Warning } from '../../src/deploy/warnings.ts'
import { deploy } from '../../src/index.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { BARE, run } from './command.ts'
import { type Answer, AwsError, denied, fakeAws } from './fake-aws.ts'

const limit = (ConcurrentExecutions: number, UnreservedConcurrentExecutions: number) => ({
  AccountLimit: { ConcurrentExecutions, UnreservedConcurrentExecutions },
})
const NO_STACK = new AwsError(400, 'ValidationError', 'Stack with id x does not exist')
const IN_A_VPC = {
  Stacks: [
    {
      StackName: 'mcp-lambda-sam',
      StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1',
      StackStatus: 'CREATE_COMPLETE',
      CreationTime: '2026-11-26T10:00:00Z',
      Description: 'MCP Lambda SAM',
      Outputs: [{ OutputKey: 'McpUrl', OutputValue: 'https://x' }],
      Parameters: [
        { ParameterKey: 'VpcEnabled', ParameterValue: 'true' },
        { ParameterKey: 'VpcId', ParameterValue: 'vpc-01234567' },
        { ParameterKey: 'SubnetIds', ParameterValue: 'subnet-01234567' },
      ],
    },
  ],
}
const VPC = { VpcEnabled: 'true', VpcId: 'vpc-01234567', SubnetIds: 'subnet-01234567' }

beforeEach(() => {
  for (const [name, value] of Object.entries(BARE))
    if (name.startsWith('AWS_')) vi.stubEnv(name, value)
  return () => void vi.unstubAllEnvs()
})

/** APIs that answer a dry run, with this account and this stack. */
const account = ({ settings = limit(1000, 1000), stack = NO_STACK }: Given = {}) =>
  fakeAws({
    GetAccountSettings: settings,
    DescribeStacks: stack,
    CreateChangeSet: { Id: 'arn:aws:change-set', StackId: 'arn:aws:stack' },
    DescribeChangeSet: { Status: 'CREATE_COMPLETE', Changes: [] },
    DeleteChangeSet: {},
    DeleteStack: {},
  })

interface Given {
  settings?: Answer
  stack?: Answer
}

/** The warnings of a dry run. They come before the changes, so that they are read first. */
async function warned(parameters: Record<string, string>, given?: Given): Promise<Warning[]> {
  vi.stubEnv('AWS_ENDPOINT_URL', (await account(given)).endpoint)
  const warnings: Warning[] = []
  let changed = false
  await deploy({
    region: 'us-east-1',
    credentials: DEVELOPER,
    dryRun: true,
    parameters,
    onProgress(step) {
      if (step.type === 'changes') changed = true
      if (step.type !== 'warning') return
      const { message, hint } = step
      expect(changed).toBe(false)
      warnings.push({ message, hint })
    },
  })
  expect(changed).toBe(true)
  return warnings
}

test('deploy does not warn of a usual account without a VPC', async () => {
  expect(await warned({})).toEqual([])
})

test('deploy says how few clients an account with a low concurrency serves', async () => {
  expect(await warned({}, { settings: limit(10, 10) })).toEqual([
    {
      message: expect.stringMatching(/runs 10 functions .* and 10 of them without a reservation/),
      hint: expect.stringMatching(/\/sse needs 3.*more than 3 such clients.*429.*Service Quotas/),
    },
  ])
  expect(await warned({}, { settings: limit(1000, 40) })).toEqual([
    {
      message: expect.stringMatching(/runs 1000 functions .* and 40 of them/),
      hint: expect.stringMatching(/more than 13 such clients/),
    },
  ])
})

test.each([
  ['the right to read it is missing', denied('lambda:GetAccountSettings'), /not authorized/],
  ['the answer has no limit', {}, /without a limit/],
])('deploy goes on and says that the concurrency is unknown: %s', async (_, settings, reason) => {
  expect(await warned({}, { settings })).toEqual([
    {
      message: expect.stringMatching(reason),
      hint: expect.stringMatching(/^Allow lambda:GetAccountSettings/),
    },
  ])
})

/** What is proposed, and the value that the change set of a dry run has. */
async function reserved(
  given: Given & { parameters?: Record<string, string>; takes?: boolean },
): Promise<[proposed: number | undefined, value: string | undefined]> {
  const { endpoint, calls } = await account(given)
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  let proposed: number | undefined
  const { parameters = {}, takes = true } = given
  await deploy({
    region: 'us-east-1',
    credentials: DEVELOPER,
    dryRun: true,
    parameters,
    reserve(reservation) {
      proposed = reservation.reserved
      return takes
    },
  })
  const sent = calls.find(it => it.action === 'CreateChangeSet')?.parameters ?? {}
  const member = Object.keys(sent).find(it => sent[it] === 'ReservedConcurrency')
  return [proposed, member && sent[member.replace('ParameterKey', 'ParameterValue')]]
}

test('a new stack reserves what leaves a hundred for the other functions', async () => {
  expect(await reserved({})).toEqual([100, '100'])
  expect(await reserved({ settings: limit(1000, 150) })).toEqual([50, '50'])
  expect(await reserved({ settings: limit(1000, 105) })).toEqual([undefined, undefined])
  expect(await reserved({ settings: limit(10, 10) })).toEqual([undefined, undefined])
  expect(await reserved({ settings: denied('it') })).toEqual([undefined, undefined])
  expect(await reserved({ takes: false })).toEqual([100, undefined])
  const parameters = { ReservedConcurrency: '7' }
  expect(await reserved({ parameters })).toEqual([undefined, '7'])
})

test('a stack that exists keeps its reservation', async () => {
  expect((await reserved({ stack: IN_A_VPC }))[0]).toBeUndefined()
})

test('the command takes the reservation with --yes and says why', async () => {
  const { endpoint, calls } = await account()
  const { stderr } = await run(['deploy', '--yes', '--dry-run'], {
    ...BARE,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: DEVELOPER.accessKeyId,
    AWS_SECRET_ACCESS_KEY: DEVELOPER.secretAccessKey,
  })
  expect(stderr).toMatch(/^Concurrency: .*1000 functions[\s\S]*reservation of 100.*limit/m)
  expect(JSON.stringify(calls)).toContain('"ReservedConcurrency"')
})

test('deploy warns when the functions are, or stay, in a VPC', async () => {
  const inVpc = [
    {
      message: expect.stringMatching(/VPC.*do not stream/),
      hint: expect.stringMatching(/GET \/sse/),
    },
  ]
  expect(await warned(VPC)).toEqual(inVpc)
  expect(await warned({}, { stack: IN_A_VPC })).toEqual(inVpc)
  const outside = { VpcEnabled: 'false', VpcId: '', SubnetIds: '' }
  expect(await warned(outside, { stack: IN_A_VPC })).toEqual([])
})

test('deploy warns when the registration function may allow every principal', async () => {
  expect(await warned({ GrantCondition: 'none' })).toEqual([
    {
      message: expect.stringMatching(/may allow every principal/),
      hint: expect.stringContaining('GrantCondition=principal'),
    },
  ])
  expect(await warned({ GrantCondition: 'principal' })).toEqual([])
})

test('the command prints a warning with what to do', async () => {
  const { endpoint } = await account({ settings: limit(10, 10) })
  const { code, stderr } = await run(['deploy', '--dry-run'], {
    ...BARE,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: DEVELOPER.accessKeyId,
    AWS_SECRET_ACCESS_KEY: DEVELOPER.secretAccessKey,
  })
  expect(stderr).toMatch(
    /^Warning: This account runs 10 functions .*\.\nAn active client of \/sse/m,
  )
  expect(code).toBe(0)
})

test('the help of --vpc says that Function URLs may not stream from a VPC', async () => {
  const { stdout } = await run(['deploy', '--help'])
  expect(stdout).toMatch(/--vpc <id>[\s\S]{0,200}Function URLs do not stream from within a VPC/)
})
