import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { main } from '../src/cli/main.ts'

let out: string
let err: string
beforeEach(() => {
  out = ''
  err = ''
  vi.spyOn(console, 'log').mockImplementation(text => {
    out += `${text}\n`
  })
  vi.spyOn(console, 'error').mockImplementation(text => {
    err += `${text}\n`
  })
  vi.stubEnv('REGISTRATION_URL', 'http://127.0.0.1:9/')
  return () => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  }
})

test.each([
  [['aply'], 'Did you mean "apply"?'],
  [['lst'], 'Did you mean "list"?'],
  [['--verison'], 'Unknown option --verison'],
  [['plan', '--ownr', 'a'], '"mcp-lambda-sam-admin plan --help" lists the options'],
  [['plan', 'none.yaml'], 'none.yaml cannot be read'],
  [['list', '--type', 'x'], '--type takes tool, resource, prompt'],
  [['repair'], 'repair takes an id'],
  [['repair', ''], 'repair takes an id'],
  [['repair', 'tool-a', '--all'], 'repair takes an id'],
  [['get', '.'], 'Not the id of a registration: "."'],
  [['import'], 'import takes one of --prefix, --tag, --agentcore and --sam'],
  [['import', '--sam', 'none.yaml'], 'none.yaml cannot be read'],
  [['logs', 'a', '--since', 'x'], '--since takes a time'],
  [['apply', 'x.yaml', '--max-deletes', 'many'], '--max-deletes takes a number'],
])('explains a wrong command line and exits with 1: %j', async (args, text) => {
  expect(await main(args)).toBe(1)
  expect(err).toContain(text)
  expect(out).toBe('')
})

test.each([
  ['{ type: tool, name: a, inputSchema: &s { not: *s } }', '/inputSchema/not refers back to'],
  ['{ type: tool, name: *a }', 'Unresolved alias'],
  ['[', 'neither JSON nor YAML'],
])('refuses to register a document that has no value: %s', async (text, message) => {
  const folder = await mkdtemp(join(tmpdir(), 'cli-'))
  const file = join(folder, 'a.yaml')
  await writeFile(file, text)
  expect(await main(['register', file, '--json'])).toBe(1)
  await rm(folder, { recursive: true })
  expect(JSON.parse(out).error).toMatchObject({
    code: 'invalid_registration',
    message: expect.stringContaining(message),
    hint: expect.stringContaining('one JSON or YAML document'),
  })
})

test('repairs the others where one registration is gone and one cannot be repaired', async () => {
  const ids = ['tool-a', 'tool-gone', 'tool-own', 'tool-b']
  const refusals: Record<string, [number, string]> = {
    'tool-gone': [404, 'registration_not_found'],
    'tool-own': [400, 'invalid_registration'],
  }
  await startRegistrationApi(({ url = '' }, response) => {
    const [, id = ''] = /register\/([^/]+)\/repair$/.exec(url) ?? []
    const [status, code] = refusals[id] ?? [200]
    const body = code
      ? { error: { code, message: `no ${id}` } }
      : id
        ? { id, status: { state: 'ready' } }
        : { items: ids.map(it => ({ id: it })) }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const code = await main(['repair', '--all'])
  const alone = await main(['repair', 'tool-gone'])
  expect([code, alone]).toEqual([1, 1])
  expect(out).toBe('2 of 3 can be invoked\n')
  expect(err).toContain('tool-own: no tool-own.')
  expect(err).toContain('no tool-gone')
})

test('lists all that is wrong with a registration, and names it', async () => {
  const issues = [
    { path: '/name', message: 'is long' },
    { path: '/allow/0', message: 'is not an ARN' },
    { path: '/allow/1', message: 'is not an ARN' },
  ]
  const refusal = { code: 'invalid_registration', message: 'not valid: /name is long; 2 more' }
  await startRegistrationApi(({ url = '' }, response) => {
    const isRefused = url.endsWith('tool-b')
    const answer = { id: 'tool-a', change: 'created', version: 1, status: { state: 'ready' } }
    response
      .writeHead(isRefused ? 400 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(isRefused ? { error: { ...refusal, issues } } : answer))
  })
  const folder = await mkdtemp(join(tmpdir(), 'cli-'))
  const file = join(folder, 'a.yaml')
  await writeFile(file, '[{ type: tool, name: a }, { type: tool, name: b }]')
  expect(await main(['register', file])).toBe(1)
  expect(await main(['register', file, '--json'])).toBe(1)
  await rm(folder, { recursive: true })
  expect(
    err,
  ).toContain(`tool-b: not valid: /name is long; 2 more. 1 registrations were written before.
  /allow/0 is not an ARN
  /allow/1 is not an ARN
`)
  expect(JSON.parse(out.split('\n').at(-2) ?? '').error.issues).toEqual(issues)
})

test('has help for the program and for each command, with examples', async () => {
  expect(await main([])).toBe(0)
  const commands = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = '']) => name)
  expect(commands).toHaveLength(11)
  for (const name of commands) {
    out = ''
    expect(await main(['help', name])).toBe(0)
    expect(out).toContain(`mcp-lambda-sam-admin ${name}`)
    if (name !== 'schema') expect(out).toContain('\nExamples\n')
  }
  out = ''
  await main(['-v'])
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('lists each fault of a manifest once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cli-'))
  const file = join(folder, 'a.yaml')
  const tool = (variable: string) => `{ lambdaArn: "\${${variable}}" }`
  await writeFile(file, `tools: { a: ${tool('NONE_A')}, b: ${tool('NONE_B')} }`)
  expect(await main(['plan', file])).toBe(1)
  await writeFile(file, 'a: 1\nb: 2')
  expect(await main(['plan', file])).toBe(1)
  await rm(folder, { recursive: true })
  for (const text of ['NONE_A', 'NONE_B', '/a is not', '/b is not'])
    expect(err.split(text)).toHaveLength(2)
})

test('prints an error as JSON too where it is asked to', async () => {
  expect(await main(['plan', 'none.yaml', '--json'])).toBe(1)
  expect(JSON.parse(out)).toEqual({
    error: {
      code: 'invalid_manifest',
      message: expect.stringContaining('none.yaml cannot be read'),
      hint: expect.stringContaining('schema'),
    },
  })
})

/** The commands talk to this server until the test ends. */
async function startRegistrationApi(respond: RequestListener) {
  const server = createServer(respond)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  vi.stubEnv('REGISTRATION_URL', `http://127.0.0.1:${port}/`)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_REGION', 'us-east-1')
}
