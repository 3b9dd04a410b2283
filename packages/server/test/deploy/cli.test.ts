import { expect, test } from 'vitest'

import { BARE, run } from './command.ts'
import { CTRL_C, DOWN, ENTER, hasTerminal, play } from './terminal.ts'

test.each(['deploy', 'destroy', 'status', 'doctor', 'grant', 'revoke', 'policy'])(
  '%s --help shows its options',
  async name => {
    expect(await run([name, '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^mcp-lambda-sam ${name} [\\s\\S]*--profile`)),
      stderr: '',
    })
  },
)

test.each([
  [['deploy'], /^There is no terminal to ask on: give --yes to deploy, or --dry-run/],
  [['deploy', '--yess'], /'--yess'.*"mcp-lambda-sam deploy --help"/],
  [['deploy', '--stack-name', '--yes'], /^Option '--stack-name' argument is ambiguous\. "mcp/],
  [['deploy', '--yes', 'it'], /'it'.*"mcp-lambda-sam deploy --help"/],
  [['deploy', '--yes', '--vpc', 'vpc-1'], /^--vpc and --subnets must be given together/],
  [['deploy', '--yes', '--vpc', 'x', '--subnets', 'subnet-1'], /^--vpc takes an id, not "x"/],
  [
    ['deploy', '--yes', '--vpc', 'vpc-1', '--subnets', 'subnet-1,,'],
    /^--subnets .*"" is not an id/,
  ],
  [['deploy', '--yes', '--no-vpc', '--vpc', 'vpc-1'], /^--no-vpc cannot be combined with/],
  [['deploy', '--yes', '--parameter', 'secret'], /^--parameter takes Name=value\n$/],
  [['deploy', '--yes'], /^(Bundle .*\n)+No region is set\.\nSet .*AWS_REGION.*--region/],
  [['deploy', '--yes', '--region', 'Ireland'], /"Ireland" is not the name of a region/],
  [['destroy'], /^There is no terminal to ask on: give --yes/],
  [['destroy', '--yes'], /^No region is set\.\nSet .*AWS_REGION.*--region/],
  [['status', '--region', 'x'], /"x" is not the name of a region/],
  [['doctor'], /^doctor takes a URL/],
  [['doctor', 'https://a', 'https://b'], /^Only one URL/],
  [['grant', '--to', '123456789012'], /^--as takes client or admin\n/],
  [['grant', '--to', '123456789012', '--as', 'root'], /^--as takes client or admin, not "root"/],
  [['grant', '--as', 'client'], /^--to is needed/],
  [['revoke', '--as', 'client'], /^--to is needed/],
  [['policy'], /^--for takes client or admin/],
  [
    ['policy', '--for', 'client', '--function-arn', 'mcp'],
    /^--function-arn takes the ARN of a function, not "mcp"/,
  ],
  [['destroy', '--yes', '--stack-name', ''], /^"" is not the name of a stack\.\n.*--stack-name/],
])('refuses %j with exit code 2 and says what it expects', async (args, message) => {
  expect(await run(args)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(message),
  })
})

test('a dry run without credentials shows the bundles, and says that credentials are missing', async () => {
  const { code, stdout, stderr } = await run(['deploy', '--dry-run', '--region', 'eu-central-1'])
  expect(stderr).toMatch(
    /^Bundle McpFunction: \d+ KB, mcp-lambda-sam\/[0-9a-f]{64}\.zip\nBundle RegistrationFunction: .*\n/,
  )
  expect(stderr).toMatch(/credentials.*\n.*AWS_ACCESS_KEY_ID.*--profile/i)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})

test('the same code gets the same keys in every time zone', async () => {
  const keys = ['Asia/Tokyo', 'America/New_York'].map(async TZ => {
    const { stderr } = await run(['deploy', '--dry-run'], { ...BARE, TZ })
    return stderr.match(/[0-9a-f]{64}/g)
  })
  const [one, other] = await Promise.all(keys)
  expect(one).toHaveLength(3)
  expect(other).toEqual(one)
})

test('policy prints the policy of a given function without a request to AWS', async () => {
  const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:mcp'
  const { code, stdout } = await run(['policy', '--for', 'client', '--function-arn', arn])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).Statement).toMatchObject([{ Resource: arn }, { Resource: arn }])
})

test.each([
  [['deploy', '--json'], 2, 'invalid_option', /--json asks no questions: give --yes to deploy/],
  [['destroy', '--json'], 2, 'invalid_option', /--json asks no questions: give --yes to delete/],
  [['status', '--json', '--stacks'], 2, 'invalid_option', /'--stacks'/],
  [['deploy', '--yes', '--json'], 2, 'missing_region', /No region is set/],
  [['grant', '--to', 'x', '--as', 'root', '--json'], 2, 'invalid_option', /client or admin/],
  [['policy', '--for', 'admin', '--region', 'eu-west-1', '--json'], 1, 'no_credentials', /./],
])(
  '%j prints its error as JSON on stdout, with exit code %d',
  async (args, code, name, message) => {
    const ended = await run(args)
    expect(ended.code).toBe(code)
    expect(JSON.parse(ended.stdout)).toEqual({
      error: {
        code: name,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/\w+/),
      },
    })
    expect(ended.stderr).toMatch(message)
  },
)

test('doctor --json prints each finding with its result, and shows its progress on stderr', async () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'hush-hush' }
  const args = ['doctor', 'http://127.0.0.1:1', '--region', 'x', '--json']
  const { code, stdout, stderr } = await run(args, { ...BARE, ...keys })
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    findings: [
      { step: 'credentials', result: 'ok', message: expect.stringContaining('signs for lambda') },
      {
        step: 'network',
        result: 'problem',
        message: expect.stringContaining('127.0.0.1:1'),
        hint: expect.stringContaining('firewall'),
      },
    ],
  })
  expect(stderr).toMatch(/^ok +credentials .*\nWRONG +network /)
  expect(code).toBe(1)
})

test('doctor finds missing credentials and wrong URLs before it sends a signed request', async () => {
  const url = 'https://x.lambda-url.eu-central-1.on.aws/'
  expect(await run(['doctor', url])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^WRONG +credentials .*\n\n.*AWS_ACCESS_KEY_ID/),
  })
  const env = { ...BARE, AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'hush-hush' }
  const { code, stdout } = await run(['doctor', 'http://127.0.0.1:1', '--region', 'x'], env)
  expect(stdout).toMatch(/^ok +credentials .*…MPLE; signs for lambda in x\nWRONG +network +127/)
  expect(stdout).not.toMatch(/hush|AKIA/)
  expect(code).toBe(1)
  expect(await run(['doctor', 'localhost:3000'], env)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^WRONG +network +"localhost:3000" is not a URL\n\n.*https:/),
  })
  expect(await run(['doctor', 'http://example.com'], env)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('not https'),
  })
})

test.skipIf(!hasTerminal)(
  'deploy asks on a terminal for the settings that no option gives',
  async () => {
    const { code, shown } = await play(['deploy', '--dry-run'], BARE, [
      ['Name of the stack', ENTER],
      ['Region', `eu-central-1${ENTER}`],
      ['Network of the functions', ENTER],
    ])
    expect(shown).toMatch(/Bundle McpFunction/)
    expect(shown).toMatch(/credentials/i)
    expect(code).toBe(1)
  },
)

test.skipIf(!hasTerminal)(
  'deploy does not ask for settings that options give, and refuses a wrong region',
  async () => {
    const args = ['deploy', '--dry-run', '--stack-name', 'mine', '--no-vpc']
    const { code, shown } = await play(args, BARE, [
      ['Region', `Ireland${ENTER}`],
      ['Give the name of a region', `${'\u007f'.repeat(7)}eu-west-1${ENTER}`],
    ])
    expect(shown).not.toMatch(/Name of the stack|Network/)
    expect(code).toBe(1)
  },
)

test.skipIf(!hasTerminal)(
  'Ctrl-C at a question exits with 130 and says that nothing was changed',
  async () => {
    const { code, shown } = await play(['deploy'], BARE, [
      ['Name of the stack', ENTER],
      ['Region', CTRL_C],
    ])
    expect(shown).toContain('Stopped; nothing was changed')
    expect(code).toBe(130)
  },
)

test.skipIf(!hasTerminal)(
  'deploy lists the VPCs of the account only when a VPC is chosen',
  async () => {
    const { code, shown } = await play(['deploy', '--region', 'eu-west-1'], BARE, [
      ['Name of the stack', ENTER],
      ['Network of the functions', `${DOWN}${ENTER}`],
    ])
    expect(shown).toMatch(/credentials/i)
    expect(code).toBe(1)
  },
)
