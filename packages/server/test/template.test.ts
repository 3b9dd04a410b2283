import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { expect, test } from 'vitest'
import { parse, parseDocument, visit } from 'yaml'

import { mcpConfig, registrationConfig } from '../src/config.ts'
import { readStack } from '../src/local/stack.ts'

// What AWS's own tools say of the template is asked by scripts/template.mjs. Here it is held against our code.
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
  Properties: { CodeUri?: string; Policies?: { PolicyDocument: { Statement: Statement[] } }[] }
}

interface Statement {
  Action: string | string[]
  Resource: string
}

test('the template sets every variable that a function reads, and no other', () => {
  for (const [it, config] of [
    [mcp, mcpConfig] as const,
    [registration, registrationConfig] as const,
  ]) {
    const names: string[] = []
    config(
      new Proxy(it?.variables ?? {}, {
        get(variables, name: string) {
          names.push(name)
          return variables[name]
        },
      }),
    )
    expect(names.sort()).toEqual(Object.keys(it?.variables ?? {}).sort())
  }
})

test('a setting that nobody changes is the same in the template and in the code', () => {
  const { REGISTRATION_TABLE, SESSION_TABLE, ...settings } = mcp?.variables ?? {}
  const tables = { REGISTRATION_TABLE, SESSION_TABLE }
  expect(mcpConfig({ ...tables, ...settings })).toEqual(mcpConfig(tables))
})

test.each(['mcp', 'registration'])('the built %s function has its handler and is small', name => {
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
    // It is about the node of this machine; on Lambda the function has another.
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
  // What is loaded is what a cold start waits for; the rest is source maps, which are there for those who ask.
  expect(bytes(file => !file.endsWith('.map'))).toBeLessThan(1_500_000)
  expect(bytes(() => true)).toBeLessThan(10_000_000)
})

test('a role may do with a table what its code does with it, and nothing more', () => {
  expect(granted('RegistrationTable.Arn')).toEqual(commands('registry', 'registration'))
  expect(granted('SessionTable.Arn')).toEqual(commands('relay'))
})

test('every parameter and output is told to administrators, with its default', () => {
  const page = read('docs/deploying.md')
  for (const [name, { Default }] of Object.entries(template.Parameters)) {
    const [, value] = new RegExp(`^\\| \`${name}\` +\\| ([^|]*?) *\\|`, 'm').exec(page) ?? []
    expect([name, value]).toEqual([name, Default === '' ? '' : `\`${Default}\``])
  }
  for (const name of Object.keys(template.Outputs)) expect(page).toContain(`\`${name}\``)
})

test('a wildcard has its reason beside it', () => {
  const lines = text.split('\n')
  const wild = lines.flatMap((line, n) =>
    /^\s*(- )?(Resource|Action|Principal|CidrIp):.*(\*|0\.0\.0\.0\/0)/.test(line) ? [n] : [],
  )
  const bare = wild.filter(n => !lines[n]?.includes('#') && !lines[n - 1]?.trim().startsWith('#'))
  expect(wild.length).toBeGreaterThan(0)
  expect(bare.map(n => lines[n - 1] + (lines[n] ?? ''))).toEqual([])
})

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
test('it is YAML that CloudFormation reads: no anchors, aliases or merges', () => {
  const unread: string[] = []
  visit(parseDocument(text, { logLevel: 'error' }), {
    Alias: (_, { source }) => void unread.push(`*${source}`),
    Value: (_, { anchor }) => void (anchor && unread.push(`&${anchor}`)),
    Collection: (_, { anchor }) => void (anchor && unread.push(`&${anchor}`)),
    Pair: (_, { key }) => void (String(key) === '<<' && unread.push('<<')),
  })
  expect(unread).toEqual([])
})

/** DynamoDB's actions on a table, whoever has them; which role it is, the checks of the translated template say. */
function granted(table: string): string[] {
  const statements = Object.values(template.Resources).flatMap(({ Properties }) =>
    (Properties.Policies ?? []).flatMap(it => it.PolicyDocument.Statement),
  )
  const actions = statements.filter(it => it.Resource === table).flatMap(it => it.Action)
  return [...new Set(actions)].map(it => it.replace('dynamodb:', '')).sort()
}

/** Those that the sources in these folders send. */
function commands(...folders: string[]): string[] {
  const source = folders
    .map(it => join(root, 'packages/server/src', it))
    .flatMap(folder => readdirSync(folder).map(file => readFileSync(join(folder, file), 'utf8')))
    .filter(it => it.includes('@aws-sdk/client-dynamodb'))
    .join('\n')
  return [
    ...new Set([...source.matchAll(/new (\w+)Command\(/g)].map(([, name = '']) => name)),
  ].sort()
}
