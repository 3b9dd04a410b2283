import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { expect, test } from 'vitest'
import { parse, parseDocument, visit } from 'yaml'

import { mcpConfig, registrationConfig } from '../src/config.ts'
import { readStack } from '../src/local/stack.ts'

// Compares the template with our code. scripts/template.mjs checks it with the tools of AWS.
const root = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const text = read('template.yaml')
const template: Template = parse(text, { logLevel: 'error' })
const { McpFunction: mcp, RegistrationFunction: registration } = readStack(
  text,
  join(root, 'packages/server/dist'),
).functions

interface Template {
  Parameters: Record<string, { Default: string | number }>
  Resources: Record<string, Resource>
  Outputs: Record<string, unknown>
}

interface Resource {
  Type: string
  DeletionPolicy?: string
  UpdateReplacePolicy?: string
  Properties: Record<string, unknown> & {
    CodeUri?: string
    Policies?: { PolicyDocument: { Statement: Statement[] } }[]
  }
}

interface Statement {
  Action: string | string[]
  Resource: string
}

test('the template sets exactly the variables that each function reads', () => {
  for (const [it, config] of [
    [mcp, mcpConfig] as const,
    [registration, registrationConfig] as const,
  ]) {
    const names: string[] = []
    config(
      new Proxy(it?.variables ?? {}, {
        get(variables, name: string) {
          // Lambda sets its own.
          if (!name.startsWith('AWS_')) names.push(name)
          return variables[name]
        },
      }),
    )
    // Node reads its own.
    const set = Object.keys(it?.variables ?? {}).filter(name => name !== 'NODE_OPTIONS')
    expect(names.sort()).toEqual(set.sort())
  }
})

test('the defaults of the parameters are the defaults of the code', () => {
  const { REGISTRATION_TABLE, SESSION_TABLE, ...settings } = mcp?.variables ?? {}
  const tables = { REGISTRATION_TABLE, SESSION_TABLE }
  expect(mcpConfig({ ...tables, ...settings })).toEqual(mcpConfig(tables))
})

test.each(['mcp', 'registration'])(
  'the built %s function exports its handler and has at most 1.5 MB of code',
  name => {
    const it = name === 'mcp' ? mcp : registration
    const [module, handler] = it?.handler.split('.') ?? []
    const file = pathToFileURL(join(it?.root ?? '', `${module}.mjs`)).href
    const script = `
    globalThis.awslambda = { streamifyResponse: handler => handler, HttpResponseStream: {} }
    const module = await import(${JSON.stringify(file)})
    process.stdout.write(typeof module[${JSON.stringify(handler)}])`
    const environment = {
      ...it?.variables,
      AWS_REGION: 'eu-central-1',
      // The warning is about the Node of this machine. Lambda has another one.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    }
    expect(
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
        env: environment,
        encoding: 'utf8',
      }),
    ).toBe('function')

    const bytes = (filter: (file: string) => boolean) =>
      readdirSync(it?.root ?? '')
        .filter(filter)
        .reduce((sum, file) => sum + statSync(join(it?.root ?? '', file)).size, 0)
    // A cold start waits for the code that it loads. Source maps are the rest.
    expect(bytes(file => !file.endsWith('.map'))).toBeLessThan(1_500_000)
    expect(bytes(() => true)).toBeLessThan(10_000_000)
  },
)

test('each role may use exactly the DynamoDB actions that its code sends', () => {
  expect(granted('RegistrationTable.Arn')).toEqual(commands('registry', 'registration'))
  expect(granted('SessionTable.Arn')).toEqual(commands('session-table'))
})

test('the documentation lists every output, and every parameter with its default', () => {
  const page = read('docs/deploying.md')
  for (const [name, { Default }] of Object.entries(template.Parameters)) {
    const [, value] = new RegExp(`^\\| \`${name}\` +\\| ([^|]*?) *\\|`, 'm').exec(page) ?? []
    expect([name, value]).toEqual([name, Default === '' ? '' : `\`${Default}\``])
  }
  for (const name of Object.keys(template.Outputs)) expect(page).toContain(`\`${name}\``)
})

/** As the template names it. */
const PREFIX = `\${StackIdentifier}`

/**
 * Resources that a deployed stack must keep when it is updated: logical ids, and the properties
 * whose change makes CloudFormation create a new resource and delete the old one. Undefined: the
 * template must not set it. The sections "Update requires: Replacement" of
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
 */
const KEPT: Record<string, { because: string; Type: string; [property: string]: unknown }> = {
  RegistrationTable: {
    because: 'an update would begin with an empty table: every registration would be gone',
    Type: 'AWS::DynamoDB::Table',
    TableName: undefined,
    KeySchema: [
      { AttributeName: 'type', KeyType: 'HASH' },
      { AttributeName: 'name', KeyType: 'RANGE' },
    ],
  },
  SessionTable: {
    because: 'an update would end every session, and every open stream would lose its messages',
    Type: 'AWS::DynamoDB::Table',
    TableName: undefined,
    KeySchema: [
      { AttributeName: 'channel', KeyType: 'HASH' },
      { AttributeName: 'position', KeyType: 'RANGE' },
    ],
  },
  McpFunctionRole: {
    because:
      'the role would get another ARN: registered functions, also in other accounts, allow the old one, and every call would be denied',
    Type: 'AWS::IAM::Role',
    RoleName: undefined,
    Path: undefined,
  },
  McpFunction: {
    because: 'the function would get another URL, which clients do not know, and lose its grants',
    Type: 'AWS::Serverless::Function',
    FunctionName: `${PREFIX}-mcp`,
    FunctionUrlConfig: expect.objectContaining({ AuthType: 'AWS_IAM' }),
    AutoPublishAlias: undefined,
  },
  RegistrationFunction: {
    because: 'the registration API would get another URL, and lose its grants',
    Type: 'AWS::Serverless::Function',
    FunctionName: `${PREFIX}-mcp-registration`,
    FunctionUrlConfig: expect.objectContaining({ AuthType: 'AWS_IAM' }),
    AutoPublishAlias: undefined,
  },
  ResourceFunction: {
    because: 'stacks with Custom::McpTool have its ARN as ServiceToken, and could not be deleted',
    Type: 'AWS::Serverless::Function',
    FunctionName: `${PREFIX}-mcp-resource`,
    AutoPublishAlias: undefined,
  },
  McpClientPolicy: policy(`Call the MCP gateway ${PREFIX}`),
  RegistrationAdminPolicy: policy(`Register functions with the MCP gateway ${PREFIX}`),
  ResourceDeployerPolicy: policy(
    `Deploy stacks that register functions with the MCP gateway ${PREFIX}`,
  ),
}

function policy(Description: string) {
  return {
    because:
      'the policy would get another ARN: roles and users of callers have the old one, and CloudFormation cannot delete it while they do',
    Type: 'AWS::IAM::ManagedPolicy',
    ManagedPolicyName: undefined,
    Description,
    Path: undefined,
  }
}

test.each(Object.entries(KEPT))('an update of a stack keeps its %s', (id, kept) => {
  const { because, ...properties } = kept
  const resource = template.Resources[id]
  const found = { ...resource?.Properties, Type: resource?.Type } as Record<string, unknown>
  const compared = Object.fromEntries(Object.keys(properties).map(name => [name, found[name]]))
  expect(compared, `${id} must stay as it is: ${because}`).toEqual(properties)
})

test('the registrations stay when the stack is deleted, or the table is replaced', () => {
  expect(template.Resources['RegistrationTable']).toMatchObject({
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  })
})

test('every wildcard has a comment with its reason', () => {
  const lines = text.split('\n')
  const wild = lines.flatMap((line, n) =>
    /^\s*(- )?(Resource|Action|Principal|CidrIp):.*(\*|0\.0\.0\.0\/0)/.test(line) ? [n] : [],
  )
  const bare = wild.filter(n => !lines[n]?.includes('#') && !lines[n - 1]?.trim().startsWith('#'))
  expect(wild.length).toBeGreaterThan(0)
  expect(bare.map(n => lines[n - 1] + (lines[n] ?? ''))).toEqual([])
})

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
test('the template has no YAML anchors, aliases or merges, which CloudFormation cannot read', () => {
  const unreadable: string[] = []
  visit(parseDocument(text, { logLevel: 'error' }), {
    Alias: (_, { source }) => void unreadable.push(`*${source}`),
    Value: (_, { anchor }) => void (anchor && unreadable.push(`&${anchor}`)),
    Collection: (_, { anchor }) => void (anchor && unreadable.push(`&${anchor}`)),
    Pair: (_, { key }) => void (String(key) === '<<' && unreadable.push('<<')),
  })
  expect(unreadable).toEqual([])
})

// The SAM CLI refuses --s3-bucket beside resolve_s3, also when only one of them is an option.
test('the settings of the SAM CLI leave the bucket to the options of the command', () => {
  const settings = read('samconfig.toml').match(/^\w+(?= *=)/gm)
  expect(settings).toContain('s3_prefix')
  expect(settings).not.toContain('resolve_s3')
  expect(settings).not.toContain('s3_bucket')
})

/** The DynamoDB actions that any role has on a table. scripts/template checks which role it is. */
function granted(table: string): string[] {
  const statements = Object.values(template.Resources).flatMap(({ Properties }) =>
    (Properties.Policies ?? []).flatMap(it => it.PolicyDocument.Statement),
  )
  const actions = statements.filter(it => it.Resource === table).flatMap(it => it.Action)
  return [...new Set(actions)].map(it => it.replace('dynamodb:', '')).sort()
}

/** The DynamoDB actions that the sources in these folders send. */
function commands(...folders: string[]): string[] {
  const source = folders
    .map(it => join(root, 'packages/server/src', it))
    .flatMap(folder =>
      readdirSync(folder, { recursive: true }).map(file => join(folder, `${file}`)),
    )
    .filter(path => path.endsWith('.ts'))
    .map(path => readFileSync(path, 'utf8'))
    .join('\n')
  const names = [...source.matchAll(/\bdynamo\.(\w)(\w+)\(/g)].map(
    ([, first = '', rest = '']) => first.toUpperCase() + rest,
  )
  return [...new Set(names)].sort()
}
