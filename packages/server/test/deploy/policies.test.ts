import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parse } from 'yaml'

import { identityPolicy, urlStatements } from '../../src/deploy/policies.ts'
import { toPrincipal } from '../../src/deploy/principal.ts'
import { grantUrlAccess } from '../../src/deploy/url-access.ts'
import { AwsError, fakeAws } from './fake-aws.ts'

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), 'utf8')

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:mcp-lambda-sam-mcp'

test('the documentation shows the policy that the command prints', () => {
  const shown = JSON.stringify(identityPolicy(ARN), null, 2)
  expect(read('docs/access.md')).toContain(`\`\`\`json\n${shown}\n\`\`\`\n`)
})

test.each([
  ['McpClientPolicy', 'McpFunction'],
  ['RegistrationAdminPolicy', 'RegistrationFunction'],
])('the managed policy %s of the template is the same policy', (policy, fn) => {
  const template = parse(read('template.yaml'), {
    logLevel: 'error',
    customTags: [{ tag: '!GetAtt', resolve: (text: string) => ({ GetAtt: text }) }],
  })
  const expected = identityPolicy(ARN)
  for (const statement of expected.Statement)
    Object.assign(statement, { Resource: { GetAtt: `${fn}.Arn` } })
  expect(template.Resources[policy]).toMatchObject({ Type: 'AWS::IAM::ManagedPolicy' })
  expect(template.Resources[policy].Properties.PolicyDocument).toEqual(expected)
})

test('URL access has two actions with a condition each, and statement ids that Lambda accepts', () => {
  const [url, invoke] = urlStatements('client', 'arn:aws:iam::123456789012:role/a/b@c')
  expect(url).toMatchObject({ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'AWS_IAM' })
  expect(invoke).toMatchObject({ Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true })
  for (const { StatementId } of [url, invoke]) expect(StatementId).toMatch(/^[\w-]{1,100}$/)
  const ids = ['client', 'admin'].flatMap(audience =>
    ['a', 'b'].flatMap(it => urlStatements(audience as 'client', it).map(it => it.StatementId)),
  )
  expect(new Set(ids).size).toBe(8)
})

test.each([
  ['123456789012', 'arn:aws:iam::123456789012:root'],
  ['arn:aws:iam::123456789012:root', 'arn:aws:iam::123456789012:root'],
  ['arn:aws:iam::123456789012:role/path/to/it', 'arn:aws:iam::123456789012:role/path/to/it'],
  ['arn:aws-cn:iam::123456789012:user/x+y=z', 'arn:aws-cn:iam::123456789012:user/x+y=z'],
])('%s becomes the principal %s', (text, principal) => {
  expect(toPrincipal(text, 'aws')).toBe(principal)
})

test.each([
  ['*', /not a principal/],
  ['arn:aws:iam::123456789012:role/*', /not a principal/],
  ['arn:aws:iam::123456789012:group/x', /not a principal/],
  ['12345', /not a principal/],
  ['arn:aws:sts::123456789012:assumed-role/x/y', /is a role session/],
])('%s is refused as a principal', (text, message) => {
  expect(() => toPrincipal(text, 'aws')).toThrow(message)
})

test.each([
  [
    'InvalidParameterValueException',
    'The provided principal was invalid. Please check the principal and try again.',
    { code: 'invalid_option', hint: expect.stringMatching(/^Check --to: /) },
  ],
  [
    'PolicyLengthExceededException',
    'The final policy size (20578) is bigger than the limit (20480).',
    { code: 'aws_error', hint: expect.stringContaining('McpClientPolicyArn') },
  ],
])('a grant that Lambda refuses with %s has a hint', async (name, message, error) => {
  const outputs = { McpUrl: 'x', RegistrationUrl: 'x', McpFunctionArn: 'arn:mcp' }
  const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({
    OutputKey,
    OutputValue,
  }))
  const stack = { StackId: 'arn:stack', StackName: 'x', StackStatus: 'CREATE_COMPLETE', Outputs }
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stack] },
    GetPolicy: new AwsError(404, 'ResourceNotFoundException', 'no policy'),
    AddPermission: new AwsError(400, name, message),
  })
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  onTestFinished(() => void vi.unstubAllEnvs())
  const to = 'arn:aws:iam::123456789012:role/agent'
  const credentials = { accessKeyId: 'A', secretAccessKey: 'B' }
  await expect(
    grantUrlAccess({ region: 'us-east-1', credentials, to, as: 'client' }),
  ).rejects.toMatchObject(error)
})
