import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { DEVELOPER } from '../../src/local/principals.ts'
import { readStack } from '../../src/local/stack.ts'
import { type Local, startStack } from '../../src/local/start.ts'
import { type Aws, startAws } from './aws.ts'
import { BARE, BIN } from './command.ts'

// "npm run upgrade" runs this file with the folder of an older build, and a Python that has moto:
// the older version deploys its stack, and the newer one deploys over it.
const OLDER = process.env['UPGRADE_FROM'] ?? ''
const PYTHON = process.env['MOTO_PYTHON'] ?? ''
const root = fileURLToPath(new URL('../../../..', import.meta.url))
const REGION = 'us-east-1'
const BINS = { older: `${OLDER}/packages/server/bin/mcp-lambda-sam.js`, newer: BIN }
const ROOTS = { older: OLDER, newer: root }

type Version = keyof typeof BINS

describe.skipIf(!PYTHON)('an upgrade against moto', () => {
  let aws: Aws
  beforeAll(async () => {
    aws = await startAws(PYTHON)
  }, 120_000)
  afterAll(() => aws?.close())

  async function run(version: Version, ...args: string[]): Promise<string> {
    const { accessKeyId, secretAccessKey } = DEVELOPER
    const child = spawn(process.execPath, [BINS[version], ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...BARE,
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_REGION: REGION,
      },
    })
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    if (code !== 0) throw new Error(`${version} ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** The physical id of each resource of the stack, by logical id, and the outputs of the stack. */
  async function deployed() {
    const cloudformation = new CloudFormationClient({
      endpoint: aws.endpoint,
      region: REGION,
      credentials: DEVELOPER,
    })
    const stack = { StackName: 'mcp-lambda-sam' }
    const [{ StackResources = [] }, { Stacks: [{ Outputs = [] } = {}] = [] }] = await Promise.all([
      cloudformation.send(new DescribeStackResourcesCommand(stack)),
      cloudformation.send(new DescribeStacksCommand(stack)),
    ])
    return {
      resources: Object.fromEntries(
        StackResources
          // moto does not list the log groups after an update.
          .filter(it => it.LogicalResourceId && it.ResourceType !== 'AWS::Logs::LogGroup')
          .map(it => [it.LogicalResourceId, it.PhysicalResourceId]),
      ),
      outputs: Object.fromEntries(Outputs.map(it => [it.OutputKey, it.OutputValue])),
    }
  }

  /** The registration function of a version, on the table of the stack. Ends with the test. */
  async function registration(version: Version, table = ''): Promise<Local> {
    const template = readFileSync(`${ROOTS[version]}/template.yaml`, 'utf8')
    const { accessKeyId, secretAccessKey } = DEVELOPER
    const local = await startStack(
      readStack(template, `${ROOTS[version]}/packages/server/dist`),
      `${root}/packages/server/dist`,
      {
        log: () => {},
        environment: {
          AWS_ENDPOINT_URL_DYNAMODB: aws.endpoint,
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: '',
          REGISTRATION_TABLE: table,
        },
      },
    )
    onTestFinished(local.close)
    return local
  }

  test('a deployment over an older one keeps the tables, roles, URLs and registrations', async () => {
    await run('older', 'deploy', '--yes', '--parameter', 'LogLevel=DEBUG')
    const before = await deployed()
    const older = await registration('older', before.resources['RegistrationTable'])
    const response = await signedFetch({ region: REGION, credentials: older.credentials })(
      new URL('register', older.registrationUrl),
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          type: 'tool',
          name: 'kept',
          description: 'Written before the upgrade',
          lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:kept',
          parameters: { place: 'string' },
        }),
      },
    )
    expect([response.status, await response.text()]).toEqual([201, expect.any(String)])

    const planned = JSON.parse(await run('newer', 'deploy', '--dry-run', '--json'))
    const replaced = planned.changes.filter(
      (it: { action: string; replacement: string }) =>
        it.action === 'remove' || it.replacement === 'yes',
    )
    expect(replaced).toEqual([])
    const { status, outputs } = JSON.parse(await run('newer', 'deploy', '--yes', '--json'))
    expect(status).toBe('updated')
    expect(before.resources).toMatchObject({ McpFunctionUrl: expect.any(String) })
    expect(await deployed()).toMatchObject(before)

    const newer = await registration('newer', outputs.RegistrationTableName)
    const admin = createAdminClient({ url: newer.registrationUrl, ...newer })
    expect(await admin.get('tool-kept')).toMatchObject({
      version: 1,
      description: 'Written before the upgrade',
    })
    expect(
      await admin.registerTool({
        name: 'kept',
        description: 'Written after it',
        lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:kept',
      }),
    ).toMatchObject({ version: 2 })
    // Three runs of the commands, which take a while on a busy machine.
  }, 240_000)
})
