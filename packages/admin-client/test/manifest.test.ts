import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'

import { manifestYaml } from '../src/cli/manifest-yaml.ts'
import type { AdminError } from '../src/errors.ts'
import { loadManifest } from '../src/manifest/load.ts'
import { toRegistrations } from '../src/manifest/registrations.ts'
import { manifestJsonSchema } from '../src/manifest/schema.ts'

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:weather'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifest-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function load(name: string, text: string | Uint8Array) {
  const path = join(folder, name)
  await writeFile(path, text)
  return loadManifest(path)
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('it succeeded'),
    (error: AdminError) => error,
  )

const YAML = `
owner: weather-team
stack: \${APP}-prod
functions:
  weather:
    arn: \${stack:WeatherArn}
    file: src/weather.ts
    env: { UNITS: metric, RETRIES: 3 }
    timeout: 10
tools:
  weather:
    function: weather
    description: "The weather"
    parameters: { city: string, unit: string? }
resources:
  note:
    lambdaArn: \${cfn-export:NotesArn}:live
    uriTemplate: notes://{id}
    allow: ["arn:aws:iam::\${ACCOUNT}:role/agents-*"]
prompts:
  summarize:
    lambdaArn: \${stack:other-stack.Fn}
    arguments: [{ name: topic, required: true }]
`

const sources = {
  environment: { APP: 'weather', ACCOUNT: '123456789012' },
  stackOutputs: async (stack: string): Promise<Record<string, string>> =>
    stack === 'weather-prod' ? { WeatherArn: ARN } : { Fn: `${ARN}-${stack}` },
  exports: async () => ({ NotesArn: `${ARN}-notes` }),
}

describe('a manifest', () => {
  test('is the same in YAML, in JSON and as a module', async () => {
    const { manifest } = await load('a.yaml', YAML)
    const json = JSON.stringify(manifest, null, '\t')
    expect((await load('a.json', json)).manifest).toEqual(manifest)
    expect((await load('a.mjs', `export default ${json}`)).manifest).toEqual(manifest)
    expect((await load('b.mjs', `export default async () => (${json})`)).manifest).toEqual(manifest)
    // Before Node 22.18 only the built package does it: test/registering-pipelines.test.ts.
    if (!('typescript' in process.features && process.features.typescript)) return
    const typed = `const it: object = ${json}\nexport default it`
    expect((await load('a.ts', typed)).manifest).toEqual(manifest)
  })

  test.each([
    ['again.mjs', (text: string) => `export default ${text}`],
    ['again.cjs', (text: string) => `module.exports = ${text}`],
  ])('is read again from %s when the file has changed', async (name, textOf) => {
    for (const owner of ['a', 'second'])
      expect((await load(name, textOf(JSON.stringify({ owner })))).manifest).toEqual({ owner })
  })

  test('may be what PowerShell or a compiler has written', async () => {
    const utf16 = Buffer.from('\uFEFFowner: größe\r\n', 'utf16le')
    expect((await load('utf16.yaml', utf16)).manifest).toEqual({ owner: 'größe' })
    const compiled = `Object.defineProperty(exports, '__esModule', { value: true })
exports.default = { owner: 'a' }`
    expect((await load('compiled.cjs', compiled)).manifest).toEqual({ owner: 'a' })
  })

  test('becomes registrations, with the values of its variables', async () => {
    const { manifest } = await load('a.yaml', YAML)
    expect(await toRegistrations(manifest, sources)).toEqual({
      owner: 'weather-team',
      registrations: [
        {
          type: 'tool',
          name: 'weather',
          lambdaArn: ARN,
          description: 'The weather',
          parameters: { city: 'string', unit: 'string?' },
          owner: 'weather-team',
        },
        {
          type: 'resource',
          name: 'note',
          lambdaArn: `${ARN}-notes:live`,
          uriTemplate: 'notes://{id}',
          allow: ['arn:aws:iam::123456789012:role/agents-*'],
          owner: 'weather-team',
        },
        {
          type: 'prompt',
          name: 'summarize',
          lambdaArn: `${ARN}-other-stack`,
          arguments: [{ name: 'topic', required: true }],
          owner: 'weather-team',
        },
      ],
    })
  })

  test('may refer to one part several times', async () => {
    const { manifest } = await load(
      'twice.yaml',
      `tools:\n  a: &a { lambdaArn: ${ARN}, annotations: &hints { readOnlyHint: true } }\n  b: *a\n  c: { lambdaArn: ${ARN}, annotations: *hints }`,
    )
    const { tools = {} } = manifest
    expect([tools['b'], tools['c']]).toEqual([tools['a'], tools['a']])
    const merged = await load(
      'merged.yaml',
      `tools:\n  a: &a { lambdaArn: ${ARN}, title: A }\n  b: { <<: *a, title: B }`,
    )
    expect(merged.manifest.tools?.['b']).toEqual({ lambdaArn: ARN, title: 'B' })
  })

  test('that export writes is read back as it was', async () => {
    const description = ':{:,\n \n{>-word |é\n\\"[éb:{é#a\t:,,\r:b-bword  {{'
    const manifest = { tools: { a: { lambdaArn: ARN, description } } }
    expect(parse(await manifestYaml(manifest))).toEqual(manifest)
  })

  test('without values for its variables is an error that names every one', async () => {
    const { manifest } = await load('a.yaml', YAML)
    const failure = await failureOf(
      toRegistrations(manifest, {
        environment: { APP: 'weather' },
        stackOutputs: async () => ({ Other: '1' }),
        exports: async () => ({}),
      }),
    )
    expect(failure.code).toBe('invalid_manifest')
    expect(failure.issues).toEqual([
      {
        path: '/tools/weather/lambdaArn',
        message: 'the stack weather-prod has no output "WeatherArn"; its outputs are: Other',
      },
      {
        path: '/resources/note/lambdaArn',
        message: 'CloudFormation has no export "NotesArn" in this region',
      },
      { path: '/resources/note/allow/0', message: 'the environment variable ACCOUNT is not set' },
      {
        path: '/prompts/summarize/lambdaArn',
        message: 'the stack other-stack has no output "Fn"; its outputs are: Other',
      },
    ])
  })

  test('with an owner that is none is refused once, at the owner', async () => {
    const tools = `{ a: { lambdaArn: ${ARN} }, b: { lambdaArn: ${ARN} } }`
    const { manifest } = await load('a.yaml', `owner: a \${APP}\ntools: ${tools}`)
    expect((await failureOf(toRegistrations(manifest, sources))).issues).toEqual([
      { path: '/owner', message: expect.stringContaining('"a weather" must be 1 to 128 of') },
    ])
  })

  test.each(['stack:A.B.C', 'stack:.B', 'stack:A.', 'stack:'])(
    'with the variable %s is refused, since neither a stack nor an output has a dot in its name',
    async variable => {
      const { manifest } = await load('a.yaml', `tools: { a: { lambdaArn: "\${${variable}}" } }`)
      const stackOutputs = async () => ({ B: ARN, C: ARN })
      const failure = await failureOf(toRegistrations(manifest, { ...sources, stackOutputs }))
      expect(failure).toMatchObject({
        code: 'invalid_manifest',
        message: expect.stringContaining(`\${${variable}} is not a variable`),
      })
    },
  )

  test.each([
    ['an unknown field', 'tols: {}', '1:7: /tols is not a known field'],
    [
      'a wrong short form',
      `tools:\n  a:\n    lambdaArn: ${ARN}\n    parameters: { city: strin }`,
      '4:25: /tools/a/parameters/city "strin" is not a type',
    ],
    ['no function', 'tools:\n  a: {}', '2:6: /tools/a/lambdaArn give exactly one of'],
    [
      'a function that it does not have',
      'tools:\n  a: { function: b }',
      '2:18: /tools/a/function "b" is not in "functions"',
    ],
    [
      'a name in an entry',
      `tools:\n  a: { lambdaArn: ${ARN}, name: b }`,
      '/tools/a/name is not needed: the key is the name',
    ],
    ['a name that is none', `tools:\n  "a b": { lambdaArn: ${ARN} }`, 'must be 1 to 128 of'],
    ['a key twice', 'owner: a\nowner: b', 'Map keys must be unique'],
    ['no YAML', 'tools: [', '1:'],
    ['two documents', 'owner: a\n---\nowner: b', '2:1: a second document begins here'],
    ['an empty part', 'owner: a\ntools:\n', '/tools is empty: fill it in, or leave it out'],
    [
      'an alias of what contains it',
      `tools:\n  a: { lambdaArn: ${ARN}, inputSchema: &s { type: object, not: *s } }`,
      '/tools/a/inputSchema/not refers back to an object that contains it',
    ],
    ['an alias without an anchor', 'owner: *a', 'Unresolved alias'],
    [
      'aliases of aliases',
      `tools: &a [x, x]\n${Array.from({ length: 20 }, (_, n) => `k${n}: &k${n} [*${n ? `k${n - 1}` : 'a'}, *${n ? `k${n - 1}` : 'a'}]`).join('\n')}`,
      'Excessive alias count',
    ],
  ])('with %s is refused, with line and column', async (_, text, expected) => {
    const failure = await failureOf(load('wrong.yaml', text))
    expect(failure.code).toBe('invalid_manifest')
    expect(failure.message).toContain('wrong.yaml:')
    expect(failure.message).toContain(expected)
    expect(failure.hint).not.toBe('')
  })

  test('that does not exist, or does not load, is an error with a code', async () => {
    for (const work of [
      () => loadManifest(join(folder, 'none.yaml')),
      () => loadManifest(join(folder, 'none.mjs')),
      () => load('no-default.mjs', 'export const a = 1'),
      () => load('throws.mjs', 'throw new Error("no")'),
      () => load('syntax.mjs', 'export default {'),
      () => load('function.mjs', 'export default async () => { throw new Error("no") }'),
      () => load('promise.mjs', 'export default Promise.reject(new Error("no"))'),
      () => load('nothing.mjs', 'export default () => {}'),
      () => load('tabs.json', '{'),
    ])
      expect((await failureOf(work())).code).toBe('invalid_manifest')
  })

  test('has a JSON Schema for editors', () => {
    const { properties } = manifestJsonSchema() as {
      properties: Record<string, { additionalProperties: { properties: object } }>
    }
    expect(Object.keys(properties)).toEqual([
      '$schema',
      'owner',
      'stack',
      'functions',
      'tools',
      'resources',
      'prompts',
    ])
    expect(Object.keys(properties['tools']?.additionalProperties.properties ?? {})).toContain(
      'function',
    )
  })
})
