import { fileURLToPath } from 'node:url'
import { deploy } from '@markvp/mcp-lambda-sam'
import { type AdminClient, createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { BARE, run } from '../../packages/server/test/deploy/command.ts'
import { exampleStack } from '../../packages/server/test/deploy/example-stack.ts'
import { zipModule } from '../../packages/server/test/deploy/zip.ts'
import { connect, textOf } from '../support/clients.ts'
import { type Credentials, type Gateway, startGateway, until } from '../support/gateway.ts'
import { OWNER, startMinistack } from './ministack.ts'
import { useAllEndpoints, useRegistrationApi } from './scenario.ts'

// "npm run ministack" runs this file with a Python that has ministack. The tests share one stack,
// so their order matters. ministack has the stack, its tables, roles and policies, and runs the
// registered functions. It cannot stream, so the gateway's own functions run in processes of ours,
// with credentials of the stack's roles.
const PYTHON = process.env['MINISTACK_PYTHON'] ?? ''
const REGION = 'us-east-1'
const AGENTS = 'arn:aws:iam::000000000000:role/agents'
const CODE = {
  echo: '../functions/echo',
  contract: 'contract',
  notes: '../functions/notes',
  greet: '../functions/greet',
}

let aws: Awaited<ReturnType<typeof startMinistack>>
let env: NodeJS.ProcessEnv
let outputs: Record<string, string>

beforeAll(async () => {
  aws = await startMinistack(PYTHON)
  env = {
    ...BARE,
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
    AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
    AWS_REGION: REGION,
  }
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
}, 120_000)
afterAll(async () => {
  vi.unstubAllEnvs()
  await aws?.close()
})

const succeed = async (...args: string[]) => {
  const { code, stdout, stderr } = await run(args, env)
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}\n${aws.log()}`)
  return stdout
}

async function lambda(path: string, input?: unknown, credentials: Credentials = OWNER) {
  const response = await signedFetch({ region: REGION, credentials })(
    new URL(`/2015-03-31/functions${path}`, aws.endpoint),
    input === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(input),
        },
  )
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  return JSON.parse(text)
}

const createFunction = (name: string, role: string, file: string) =>
  lambda('', {
    FunctionName: name,
    Role: role,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: {
      ZipFile: Buffer.from(
        zipModule(fileURLToPath(new URL(`${file}.mjs`, import.meta.url))),
      ).toString('base64'),
    },
  })

test('deploy creates the stack, and a second one changes nothing', async () => {
  // ministack does not know the condition key lambda:Principal, so it would deny each grant.
  const parameters = ['--parameter', 'GrantCondition=none']
  expect(await succeed('deploy', '--yes', ...parameters)).toMatch(
    /^Created mcp-lambda-sam in us-east-1\./,
  )
  expect(await succeed('deploy', '--yes')).toMatch(/^No changes: mcp-lambda-sam in us-east-1\./)
  ;({ outputs } = await deploy({ region: REGION, credentials: OWNER }))
  expect(outputs).toMatchObject({
    McpUrl: expect.stringMatching(/^https?:/),
    RegistrationUrl: expect.stringMatching(/^https?:/),
    McpRoleArn: expect.stringMatching(/^arn:aws:iam::000000000000:role\//),
  })
  for (const name of [outputs['McpFunctionName'], outputs['RegistrationFunctionName']])
    expect(await lambda(`/${name}/configuration`)).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
    })
}, 120_000)

test.each(['client', 'admin'])('as %s, grant gives access and revoke takes it', async as => {
  const args = ['--to', AGENTS, '--as', as]
  expect(await succeed('grant', ...args)).toContain('may now call')
  expect(await succeed('grant', ...args)).toContain('may already call')
  expect(await succeed('revoke', ...args)).toContain('no longer has access')
  expect(await succeed('revoke', ...args)).toContain('Nothing to remove')
})

test('policy prints both actions on the function of the stack', async () => {
  const { Statement } = JSON.parse(await succeed('policy', '--for', 'client'))
  expect(Statement.map((it: { Resource: string }) => it.Resource)).toEqual([
    outputs['McpFunctionArn'],
    outputs['McpFunctionArn'],
  ])
})

test('with the rights of its roles, and no others, the gateway registers and calls', async () => {
  const { McpRoleArn = '', McpFunctionName = '', RegistrationFunctionName = '' } = outputs
  for (const [name, file] of Object.entries(CODE)) await createFunction(name, McpRoleArn, file)
  const mcp = await startWithRoleOf(McpFunctionName)
  const registration = await startWithRoleOf(RegistrationFunctionName)
  try {
    const { registrationUrl: url, region, credentials } = registration
    const gateway = { ...mcp, admin: createAdminClient({ url, region, credentials }) }
    await useRegistrationApi(gateway)
    await useAllEndpoints(gateway)
  } finally {
    await mcp.close()
    await registration.close()
  }
}, 180_000)

test('a stack with a Custom::McpTool registers, updates, rolls back and deletes it', async () => {
  const { McpFunctionName = '', RegistrationFunctionName = '' } = outputs
  const stack = await exampleStack({ endpoint: aws.endpoint, region: REGION, credentials: OWNER })
  const mcp = await startWithRoleOf(McpFunctionName)
  const registration = await startWithRoleOf(RegistrationFunctionName)
  const { registrationUrl: url, region, credentials } = registration
  const admin = createAdminClient({ url, region, credentials })
  try {
    const created = await stack.create()
    expect(created, `${await stack.failures()}\n${aws.log()}`).toMatchObject({
      StackStatus: 'CREATE_COMPLETE',
      Outputs: [{ OutputKey: 'ToolStatus', OutputValue: 'ready' }],
    })
    const { StackId } = created ?? {}
    expect(await admin.get('tool-roll-dice')).toMatchObject({
      version: 1,
      createdBy: StackId,
      updatedBy: `${StackId}/DiceTool`,
      status: { state: 'ready' },
    })
    const { client } = await connect(mcp, 'SDK 2.x', '/mcp over our transport')
    const result = await client.callTool({ name: 'roll-dice', arguments: { count: 3 } })
    await client.close()
    expect(JSON.parse(textOf(result)).dice).toHaveLength(3)

    const described = (text: string) => (template: string) =>
      template.replace(/Description: Rolls .*/, `Description: ${text}`)
    expect(await stack.update(described('Rolls them'))).toMatchObject({
      StackStatus: 'UPDATE_COMPLETE',
    })
    const updated = await admin.get('tool-roll-dice')
    expect(updated).toMatchObject({ version: 2, description: 'Rolls them', createdBy: StackId })

    // The name belongs to a registration of another writer. The stack goes back to what it had.
    expect(
      await stack.update(template => template.replace('Name: roll-dice', 'Name: echo')),
    ).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE' })
    expect(await stack.failures()).toContainEqual(expect.stringMatching(/DiceTool: .*tool-echo/))
    expect(await admin.get('tool-echo')).toMatchObject({ description: 'Says it again' })
    expect(await admin.get('tool-roll-dice')).toMatchObject({ createdBy: StackId })

    expect(await stack.update(it => it.replace('Name: roll-dice', 'Name: dice'))).toMatchObject({
      StackStatus: 'UPDATE_COMPLETE',
    })
    expect(await admin.get('tool-dice')).toMatchObject({ version: 1 })
    await until(async () => !(await idsOf(admin)).includes('tool-roll-dice'), 'the clean-up')

    await stack.delete()
    expect(await idsOf(admin)).not.toContain('tool-dice')
    expect(await admin.get('tool-echo')).toMatchObject({ description: 'Says it again' })
  } finally {
    await mcp.close()
    await registration.close()
  }
}, 300_000)

test.each(['McpFunctionName', 'RegistrationFunctionName'])(
  'the role of %s may not invoke a function that is not registered',
  async name => {
    const functionName = outputs[name] ?? ''
    const credentials = await credentialsOf(functionName)
    await expect(lambda(`/${PROBE}${functionName}/invocations`, {}, credentials)).rejects.toThrow(
      /403 .*AccessDenied/,
    )
  },
)

async function idsOf(admin: AdminClient) {
  const ids: string[] = []
  for await (const { id } of admin.list()) ids.push(id)
  return ids
}

/** The built handlers in processes of ours, with the tables of the stack and one of its roles. */
async function startWithRoleOf(functionName: string): Promise<Gateway> {
  const credentials = await credentialsOf(functionName)
  return startGateway({
    push: true,
    environment: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken ?? '',
      AWS_ENDPOINT_URL_DYNAMODB: aws.endpoint,
      AWS_ENDPOINT_URL_LAMBDA: aws.endpoint,
      MCP_ROLE_ARN: outputs['McpRoleArn'] ?? '',
      REGISTRATION_TABLE: outputs['RegistrationTableName'] ?? '',
      SESSION_TABLE: outputs['SessionTableName'] ?? '',
    },
  })
}

const sessions = new Map<string, Promise<Credentials>>()

/** A role session as ministack gives it to a function with this role. */
function credentialsOf(functionName: string): Promise<Credentials> {
  const made = sessions.get(functionName) ?? probe(functionName)
  sessions.set(functionName, made)
  return made
}

const PROBE = 'with-the-role-of-'

async function probe(functionName: string): Promise<Credentials> {
  const { Role } = await lambda(`/${functionName}/configuration`)
  await createFunction(PROBE + functionName, Role, 'role-session')
  return lambda(`/${PROBE}${functionName}/invocations`, {})
}

test('destroy leaves only the table of registrations', async () => {
  expect(await succeed('destroy', '--yes')).toMatch(
    `Deleted mcp-lambda-sam in us-east-1. The registrations are kept in the table ${outputs['RegistrationTableName']}`,
  )
  await expect(lambda(`/${outputs['McpFunctionName']}/configuration`)).rejects.toThrow('404')
  expect(await succeed('destroy', '--yes')).toBe('There is no stack mcp-lambda-sam in us-east-1.\n')
})
