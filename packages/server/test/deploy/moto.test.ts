import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  ListChangeSetsCommand,
} from '@aws-sdk/client-cloudformation'
import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb'
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'
import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  ListBucketsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'

import { deploy } from '../../src/index.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { type Local, startLocal } from '../../src/local/start.ts'
import { type Aws, startAws } from './aws.ts'
import { BARE, run, start } from './command.ts'
import { freePort } from './free-port.ts'
import { DOWN, ENTER, hasTerminal, play } from './terminal.ts'

const PYTHON = process.env['MOTO_PYTHON'] ?? ''
const REGION = 'us-east-1'
const ACCOUNT = '000000000000'
const BUCKET = `mcp-lambda-sam-${ACCOUNT}-${REGION}`
const ROLE = `arn:aws:iam::${ACCOUNT}:role/agents`

// "npm run moto" runs this file with a Python that has moto. The tests share one stack, so their
// order matters.
describe('against moto', () => {
  let aws: Aws
  let env: NodeJS.ProcessEnv
  let config: { endpoint: string; region: string; credentials: typeof DEVELOPER }
  let ports: [number, number]
  const command = (...args: string[]) => run(args, env)
  const succeed = async (...args: string[]) => {
    const result = await command(...args)
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.stderr}`)
    return result
  }

  beforeAll(async () => {
    aws = await startAws(PYTHON)
    const { accessKeyId, secretAccessKey } = DEVELOPER
    config = { endpoint: aws.endpoint, region: REGION, credentials: DEVELOPER }
    env = {
      ...BARE,
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: REGION,
    }
    // For `deploy` from code, which has no option for it.
    vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
    ports = [await freePort(), await freePort()]
    await aws.tell({
      urls: {
        'mcp-lambda-sam-mcp': `http://127.0.0.1:${ports[0]}/`,
        'mcp-lambda-sam-mcp-registration': `http://127.0.0.1:${ports[1]}/`,
      },
    })
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await aws?.close()
  })

  const stacks = async () => {
    const { Stacks = [] } = await new CloudFormationClient(config).send(
      new DescribeStacksCommand({}),
    )
    return Stacks
  }
  const outputs = async (stackName = 'mcp-lambda-sam') => {
    const stack = (await stacks()).find(it => it.StackName === stackName)
    return Object.fromEntries(
      (stack?.Outputs ?? []).map(it => [it.OutputKey, it.OutputValue ?? '']),
    )
  }
  const statements = async (name: string): Promise<Record<string, unknown>[]> => {
    try {
      const { Policy = '{}' } = await new LambdaClient(config).send(
        new GetPolicyCommand({ FunctionName: name }),
      )
      return JSON.parse(Policy).Statement
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') return []
      throw error
    }
  }

  test('a dry run shows the changes and creates nothing', async () => {
    const { code, stdout, stderr } = await command('deploy', '--dry-run')
    expect(stderr).toMatch(/\+ McpFunction +AWS::Lambda::Function/)
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'Dry run: nothing was changed in mcp-lambda-sam in us-east-1.\n',
    })
    expect(await stacks()).toEqual([])
    const { Summaries = [] } = await new CloudFormationClient(config).send(
      new ListChangeSetsCommand({ StackName: 'mcp-lambda-sam' }),
    )
    expect(Summaries).toEqual([])
    const { Buckets = [] } = await new S3Client(config).send(new ListBucketsCommand())
    expect(Buckets).toEqual([])
  })

  test.skipIf(!hasTerminal)(
    'a deployment that is declined on a terminal creates nothing',
    async () => {
      const { code, shown } = await play(['deploy'], env, [
        ['Name of the stack', ENTER],
        ['Region', ENTER],
        ['Network of the functions', ENTER],
        ['Reserve 100\\?', ENTER],
        ['Deploy these changes\\?', ENTER],
      ])
      expect(shown).toMatch(/\+ McpFunction[\s\S]*Nothing was changed in mcp-lambda-sam/)
      expect(code).toBe(1)
      expect(await stacks()).toEqual([])
    },
  )

  test.skipIf(!hasTerminal)('a terminal offers the VPCs and subnets of the account', async () => {
    const { code, shown } = await play(['deploy', '--stack-name', 'in-a-vpc'], env, [
      ['Region', ENTER],
      ['Network of the functions', `${DOWN}${ENTER}`],
      // The mark is before the question. Earlier answers name VPCs too.
      ['◆ +VPC', ENTER],
      ['Subnets', ` ${DOWN} ${ENTER}`],
      ['Reserve 100\\?', ENTER],
      ['Deploy these changes\\?', `y`],
    ])
    expect(shown).toContain('Created in-a-vpc in us-east-1')
    expect(code).toBe(0)
    const [{ Parameters = [] } = {}] = await stacks()
    const values = Object.fromEntries(Parameters.map(it => [it.ParameterKey, it.ParameterValue]))
    expect(values).toMatchObject({
      StackIdentifier: 'in-a-vpc',
      ReservedConcurrency: '100',
      VpcEnabled: 'true',
      VpcId: expect.stringMatching(/^vpc-/),
      SubnetIds: expect.stringMatching(/^subnet-[0-9a-f]+,subnet-[0-9a-f]+$/),
    })
    expect(
      await play(['destroy', '--stack-name', 'in-a-vpc'], env, [
        ['Delete the stack in-a-vpc in us-east-1\\?', 'y'],
      ]),
    ).toMatchObject({ code: 0 })
    expect(await stacks()).toEqual([])
  })

  test('a failed stack is explained, then refused, then replaced with --replace-failed', async () => {
    await aws.tell({
      failing: {
        'mcp-lambda-sam': {
          status: 'ROLLBACK_COMPLETE',
          events: [
            ['McpLogs', 'AWS::Logs::LogGroup', 'CREATE_FAILED', 'Resource creation cancelled'],
            ['McpFunction', 'AWS::Lambda::Function', 'CREATE_FAILED', 'mcp already exists'],
            ['SessionTable', 'AWS::DynamoDB::Table', 'CREATE_FAILED', 'a later one'],
          ],
        },
      },
    })
    expect(await command('deploy', '--yes')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /is ROLLBACK_COMPLETE: the deployment failed at McpFunction \(AWS::Lambda::Function\): mcp already exists\.\n.*StackIdentifier=<prefix>.*--replace-failed/,
      ),
    })
    await aws.tell({})
    expect(await command('deploy', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /is ROLLBACK_COMPLETE: an earlier attempt to create it failed at McpFunction .*mcp already exists.*\n.*--replace-failed/,
      ),
    })
    const deployed = await command('deploy', '--yes', '--replace-failed')
    expect(deployed.stderr).toContain('CREATE_COMPLETE')
    expect(deployed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^Created mcp-lambda-sam in us-east-1\.[\s\S]*MCP endpoint +http:\/\/127[\s\S]*Next\n +check +npx .* doctor http.* --region us-east-1\n[\s\S]* grant --as client[\s\S]*registering\.md/,
      ),
    })
    expect((await stacks()).map(it => it.StackStatus)).toEqual(['CREATE_COMPLETE'])
  })

  test('Ctrl-C during a deployment stops the command, not CloudFormation', async () => {
    const events: [string, string, string, string][] = [
      ['McpLogs', 'AWS::Logs::LogGroup', 'CREATE_IN_PROGRESS', 'Resource creation Initiated'],
    ]
    await aws.tell({ failing: { slow: { status: 'CREATE_IN_PROGRESS', events } } })
    onTestFinished(async () => {
      const cloudformation = new CloudFormationClient(config)
      await cloudformation.send(new DeleteStackCommand({ StackName: 'slow' }))
      await aws.tell({})
    })
    const { child, ended } = start(['deploy', '--yes', '--stack-name', 'slow'], env)
    let progress = ''
    child.stderr.on('data', chunk => {
      progress += chunk
    })
    await vi.waitUntil(() => progress.includes('McpLogs (AWS::Logs::LogGroup)'))
    child.kill('SIGINT')
    expect(await ended).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringMatching(
        /goes on in CloudFormation\.\n.*"mcp-lambda-sam status --stack-name slow --region us-east-1"/,
      ),
    })
    expect(await command('status', '--stack-name', 'slow')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('CREATE_IN_PROGRESS'),
    })
    // A second deployment watches the first one.
    const second = start(['deploy', '--yes', '--stack-name', 'slow'], env)
    let watched = ''
    second.child.stderr.on('data', chunk => {
      watched += chunk
    })
    await vi.waitUntil(() => watched.includes('is being changed (CREATE_IN_PROGRESS). Watching it'))
    second.child.kill('SIGINT')
    expect(await second.ended).toMatchObject({ code: 130 })
  })

  test('the bucket for the code is private, encrypted and versioned', async () => {
    const s3 = new S3Client(config)
    const bucket = { Bucket: BUCKET, ExpectedBucketOwner: ACCOUNT }
    expect(await s3.send(new GetPublicAccessBlockCommand(bucket))).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    })
    expect(await s3.send(new GetBucketVersioningCommand(bucket))).toMatchObject({
      Status: 'Enabled',
    })
    expect(await s3.send(new GetBucketEncryptionCommand(bucket))).toMatchObject({
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
    })
    const { Configuration } = await new LambdaClient(config).send(
      new GetFunctionCommand({ FunctionName: 'mcp-lambda-sam-mcp' }),
    )
    expect(Configuration).toMatchObject({ Runtime: 'nodejs24.x', Handler: 'index.handler' })
  })

  test('deploy, policy and status print one JSON document on stdout with --json', async () => {
    const deployed = await succeed('deploy', '--yes', '--json')
    expect(JSON.parse(deployed.stdout)).toEqual({
      status: 'unchanged',
      stackName: 'mcp-lambda-sam',
      region: REGION,
      accountId: ACCOUNT,
      changes: [],
      outputs: await outputs(),
    })
    expect(deployed.stderr).toMatch(/^Bundle McpFunction/)
    const { stdout } = await succeed('policy', '--for', 'admin', '--json')
    expect(JSON.parse(stdout)).toHaveProperty('Statement')
    // Its functions do not run yet.
    const status = await command('status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({
      healthy: false,
      stackStatus: 'CREATE_COMPLETE',
      outputs: await outputs(),
      gateway: { problem: { message: expect.stringContaining('ECONNREFUSED') } },
    })
    expect(status).toMatchObject({ code: 1, stderr: '' })
  })

  test('a second deployment finds no changes and uploads nothing', async () => {
    const { code, stdout, stderr } = await command('deploy', '--yes')
    expect(stderr).not.toContain('Uploaded')
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^No changes: mcp-lambda-sam in us-east-1\./),
    })
  })

  test('deploy() from code keeps the parameters that are not given', async () => {
    const { endpoint: _, ...account } = config
    const seen: string[] = []
    const onProgress = ({ type }: { type: string }) => void seen.push(type)
    const options = { ...account, onProgress }
    expect(await deploy(options)).toMatchObject({
      status: 'unchanged',
      outputs: await outputs(),
    })
    expect(await deploy({ ...options, parameters: { LogLevel: 'DEBUG' } })).toMatchObject({
      status: 'updated',
    })
    expect(seen).toContain('event')
    expect(await deploy({ ...options, parameters: { IdleTimeoutSeconds: '60' } })).toMatchObject({
      status: 'updated',
    })
    expect((await stacks())[0]?.Parameters).toEqual(
      expect.arrayContaining([{ ParameterKey: 'LogLevel', ParameterValue: 'DEBUG' }]),
    )
  })

  test.each([
    ['client', 'mcp-lambda-sam-mcp', 'mcp-lambda-sam-mcp-registration'],
    ['admin', 'mcp-lambda-sam-mcp-registration', 'mcp-lambda-sam-mcp'],
  ])(
    'as %s, grant gives both actions on that function alone and revoke removes them',
    async (as, name, other) => {
      const args = ['--to', ROLE, '--as', as]
      const Resource = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`
      for (const said of ['may now call', 'may already call']) {
        expect(await command('grant', ...args)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining(`${ROLE} ${said} ${Resource}`),
        })
        expect(await statements(name)).toMatchObject([
          {
            Effect: 'Allow',
            Principal: ROLE,
            Action: 'lambda:InvokeFunctionUrl',
            Resource,
            Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
          },
          {
            Effect: 'Allow',
            Principal: ROLE,
            Action: 'lambda:InvokeFunction',
            Resource,
            Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
          },
        ])
        expect(await statements(other)).toEqual([])
      }
      for (const said of [/no longer has access/, /Nothing to remove/]) {
        expect(await command('revoke', ...args)).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(said),
        })
        expect(await statements(name)).toEqual([])
      }
    },
  )

  test('grant to another account prints the policy that this account needs', async () => {
    const args = ['--to', '210987654321', '--as', 'client']
    const { stdout } = await command('grant', ...args)
    expect(stdout).toMatch(
      /^arn:aws:iam::210987654321:root may now call[\s\S]*another account[\s\S]*InvokedViaFunctionUrl/,
    )
    expect(JSON.parse((await succeed('grant', ...args, '--json')).stdout)).toMatchObject({
      changed: 0,
      isOtherAccount: true,
      policy: { Statement: [{}, { Resource: (await outputs())['McpFunctionArn'] }] },
    })
    expect(JSON.parse((await succeed('revoke', ...args, '--json')).stdout)).toEqual({
      functionArn: (await outputs())['McpFunctionArn'],
      principal: 'arn:aws:iam::210987654321:root',
      changed: 2,
      isOtherAccount: true,
      otherStatements: [],
    })
    expect(await statements('mcp-lambda-sam-mcp')).toEqual([])
  })

  test('policy prints the policy for the function of the stack', async () => {
    const { stdout } = await command('policy', '--for', 'client')
    expect(JSON.parse(stdout).Statement.map((it: { Resource: string }) => it.Resource)).toEqual([
      (await outputs())['McpFunctionArn'],
      (await outputs())['McpFunctionArn'],
    ])
  })

  describe('with its functions running', () => {
    let local: Local

    beforeAll(async () => {
      local = await startLocal({
        port: ports[0],
        registrationPort: ports[1],
        environment: {
          AWS_ENDPOINT_URL_LAMBDA: aws.endpoint,
          MCP_ROLE_ARN: (await outputs())['McpRoleArn'] ?? '',
        },
      })
    })
    afterAll(() => local?.close())

    test.each(['McpUrl', 'RegistrationUrl'])('doctor finds no problem with %s', async name => {
      const { code, stdout } = await command('doctor', (await outputs())[name] ?? '')
      expect(stdout.split('\n').map(line => line.split(/ {2,}/).slice(0, 2))).toEqual([
        ...['credentials', 'network', 'clock', 'signature', 'permission', 'health', 'call'].map(
          step => ['ok', step],
        ),
        ['ok', 'concurrency'],
        [''],
      ])
      expect(code).toBe(0)
    })

    test('status shows a registration whose invoke permission was removed', async () => {
      const { McpRoleArn = '', RegistrationUrl = '' } = await outputs()
      const lambda = new LambdaClient(config)
      await lambda.send(
        new CreateFunctionCommand({
          FunctionName: 'weather',
          Role: McpRoleArn,
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Code: { ZipFile: zipSync({ 'index.mjs': new Uint8Array() }) },
        }),
      )
      const admin = createAdminClient({ url: RegistrationUrl, ...config })
      await admin.registerTool({
        name: 'weather',
        description: 'The weather',
        lambdaArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:weather`,
      })
      expect(await statements('weather')).toMatchObject([
        { Effect: 'Allow', Principal: McpRoleArn, Action: 'lambda:InvokeFunction' },
      ])
      expect(await statements('mcp-lambda-sam-mcp')).toEqual([])
      expect(await command('status')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/UPDATE_COMPLETE[\s\S]*Registrations +1, all can be invoked/),
      })

      const [{ Sid } = {}] = await statements('weather')
      await lambda.send(
        new RemovePermissionCommand({ FunctionName: 'weather', StatementId: String(Sid) }),
      )
      expect(await command('status')).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(
          /Registrations +1, and 1 cannot be invoked:\n\n +tool-weather: .*\n +aws lambda add-permission/,
        ),
      })

      await admin.repair('tool-weather')
      expect(await statements('weather')).toHaveLength(1)
      await admin.remove('tool-weather')
      expect(await statements('weather')).toEqual([])
    })
  })

  test('status shows why the gateway cannot be reached, beside the state of the stack', async () => {
    expect(await command('status')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/UPDATE_COMPLETE[\s\S]*Version +.*ECONNREFUSED/),
    })
  })

  test('deploy and destroy refuse a stack that is not a gateway', async () => {
    const cloudformation = new CloudFormationClient(config)
    const TemplateBody = JSON.stringify({ Resources: { Queue: { Type: 'AWS::SQS::Queue' } } })
    await cloudformation.send(new CreateStackCommand({ StackName: 'theirs', TemplateBody }))
    onTestFinished(async () => {
      await cloudformation.send(new DeleteStackCommand({ StackName: 'theirs' }))
    })
    for (const name of ['deploy', 'destroy'])
      expect(await command(name, '--yes', '--stack-name', 'theirs')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('is not a gateway of this product'),
      })
    expect((await stacks()).map(it => it.StackName)).toContain('theirs')
  })

  // On another stack: moto does not delete all that an update has touched.
  test('destroy keeps the registrations, or deletes them with --delete-registrations', async () => {
    const second = ['--yes', '--stack-name', 'second']
    const dynamodb = new DynamoDBClient(config)
    const exists = (TableName: string) =>
      dynamodb.send(new DescribeTableCommand({ TableName })).then(
        () => true,
        error => error.name !== 'ResourceNotFoundException',
      )

    await succeed('deploy', ...second)
    const { RegistrationTableName: kept = '', McpFunctionName } = await outputs('second')
    expect(McpFunctionName).toBe('second-mcp')
    expect(await succeed('destroy', ...second)).toMatchObject({
      stdout: expect.stringMatching(`^Deleted second in us-east-1\\. .* kept in the table ${kept}`),
    })
    expect(await outputs('second')).toEqual({})
    expect(await exists(kept)).toBe(true)
    expect(await succeed('destroy', ...second)).toMatchObject({
      stdout: 'There is no stack second in us-east-1.\n',
    })

    await succeed('deploy', ...second, '--parameter', 'DeletionProtection=true')
    const { RegistrationTableName: gone = '' } = await outputs('second')
    expect(await command('destroy', ...second, '--delete-registrations')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--parameter DeletionProtection=false'),
    })
    expect(await outputs('second')).toMatchObject({ RegistrationTableName: gone })
    await dynamodb.send(
      new UpdateTableCommand({ TableName: gone, DeletionProtectionEnabled: false }),
    )
    expect(
      JSON.parse((await succeed('destroy', ...second, '--delete-registrations', '--json')).stdout),
    ).toEqual({
      status: 'deleted',
      stackName: 'second',
      region: REGION,
      table: { name: gone, deleted: true },
    })
    expect([await exists(kept), await exists(gone)]).toEqual([true, false])
    expect((await stacks()).map(it => it.StackName)).toEqual(['mcp-lambda-sam'])
  })
})
