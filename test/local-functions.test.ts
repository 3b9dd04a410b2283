import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LocalEvent } from '@markvp/mcp-lambda-sam/local'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'

// A gateway that registers the functions of a folder, as `mcp-lambda-sam local --functions` does.
let folder: string
let gateway: Gateway
const logs: string[] = []
const events: LocalEvent[] = []

const write = async (name: string, text: string) => {
  await mkdir(join(folder, name, '..'), { recursive: true })
  await writeFile(join(folder, name), text)
}
const example = (name: string) =>
  pathToFileURL(join(import.meta.dirname, '../examples/functions', name)).href
const packageFile = (path: string) =>
  pathToFileURL(join(import.meta.dirname, '../packages/server/node_modules', path)).href

beforeAll(async () => {
  vi.stubEnv('SECRET_OF_THE_SHELL', 'x')
  folder = await mkdtemp(join(tmpdir(), 'local-functions-'))
  await write('add.mjs', 'export const handler = async ({ a, b }) => ({ sum: a + b })')
  await write('primes.mjs', `export { handler } from '${example('primes.mjs')}'`)
  await write('library.mjs', 'export const two = 2')
  await write('broken.mjs', 'throw new Error("not today")\nexport const handler = async () => 1')
  await write('kept.mjs', 'export const handler = async () => 1')
  await write(
    'environment.mjs',
    'export const handler = async ({ names }) => names.map(it => process.env[it] ?? null)',
  )
  await write(
    'aws.mjs',
    `import { DynamoDBClient, ListTablesCommand } from '${packageFile('@aws-sdk/client-dynamodb/dist-cjs/index.js')}'
    import { ListBucketsCommand, S3Client } from '${packageFile('@aws-sdk/client-s3/dist-cjs/index.js')}'
    import { GetCallerIdentityCommand, STSClient } from '${packageFile('@aws-sdk/client-sts/dist-cjs/index.js')}'
    const key = { credentials: { accessKeyId: 'A', secretAccessKey: 'B' } }
    export const handler = () => Promise.all([{}, key].flatMap(config => [
      new DynamoDBClient(config).send(new ListTablesCommand({})),
      new S3Client(config).send(new ListBucketsCommand({})),
      new STSClient(config).send(new GetCallerIdentityCommand({})),
    ].map(it => it.then(() => 'reached', error => error.message))))`,
  )
  gateway = await startGateway({
    functions: folder,
    register: true,
    variables: { GIVEN: 'by --env', AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:4566' },
    log: ({ message }) => void logs.push(message),
    onEvent: event => void events.push(event),
  })
})
afterAll(async () => {
  await gateway?.close()
  await rm(folder, { recursive: true, force: true })
})

/** One JSON-RPC request, as a client of /mcp without a session sends it. */
async function request(method: string, params: object = {}) {
  const response = await gateway.fetch()(new URL('mcp', gateway.mcpUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
  })
  const text = await response.text()
  const { result, error } = JSON.parse(text.replace(/^[\s\S]*?^data: /m, '').split('\n')[0] ?? '')
  return error ?? result
}

const tools = async () => (await request('tools/list')).tools as { name: string }[]
const names = async () => (await tools()).map(it => it.name)
const call = async (name: string, args: object = {}) =>
  JSON.parse((await request('tools/call', { name, arguments: args })).content[0].text)
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000, interval: 100 })

test('functions are tools at once: described ones with their schema, others with any arguments', async () => {
  const listed = await tools()
  expect(listed.map(it => it.name)).toEqual(['add', 'aws', 'environment', 'kept', 'primes'])
  expect(listed[0]).toMatchObject({
    description: 'The function add',
    inputSchema: { type: 'object' },
  })
  expect(listed.at(-1)).toMatchObject({
    inputSchema: { properties: { limit: { type: expect.any(String) } } },
  })
  expect(await call('add', { a: 1, b: 2 })).toEqual({ sum: 3 })
  const told = (text: string) => logs.filter(it => it.includes(text))
  expect(told('Registered the tool add. It takes any arguments. To name its')).toHaveLength(1)
  expect(told('Error: not today\n    at file://')).toHaveLength(1)
})

test('a saved change is registered, a new file too, and a deleted one is removed', async () => {
  await write('add.mjs', `export { handler } from '${example('order.mjs')}'`)
  await write('later.mjs', 'export const handler = async () => 1')
  await write('broken.mjs', 'export const handler = async () => 1')
  await rm(join(folder, 'kept.mjs'))
  await eventually(async () =>
    expect(await names()).toEqual(['aws', 'broken', 'environment', 'later', 'order', 'primes']),
  )
  await write('broken.mjs', 'export const handler = async () => {')
  await eventually(() => expect(logs.some(it => it.includes('broken.mjs:1:36'))).toBe(true))
  expect(await names()).toContain('broken')
})

test('what another program registers stays as it is', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  await gateway.admin.update('tool-later', {
    type: 'tool',
    name: 'later',
    description: 'mine',
    lambdaArn: functionArn('later'),
    inputSchema: schema,
  })
  await write('later.mjs', `export { handler } from '${example('report.mjs')}'`)
  await write('last.mjs', 'export const handler = async () => 1')
  await eventually(async () => expect(await names()).toContain('last'))
  expect(await tools()).toContainEqual(
    expect.objectContaining({ name: 'later', description: 'mine', inputSchema: schema }),
  )
})

test('a function gets the given variables, HOME, and nothing else of the shell', async () => {
  const asked = [
    'GIVEN',
    'HOME',
    'SECRET_OF_THE_SHELL',
    'AWS_ACCESS_KEY_ID',
    'AWS_ENDPOINT_URL_SQS',
  ]
  expect(await call('environment', { names: asked })).toEqual([
    'by --env',
    process.env['HOME'] ?? null,
    null,
    null,
    'http://127.0.0.1:4566',
  ])
})

test('every call of an AWS SDK fails at once with a message that says how to allow it', async () => {
  const results: string[] = await call('aws')
  expect(results).toHaveLength(6)
  for (const it of results) expect(it).toContain('Start the gateway with --aws-profile NAME')
})

test('each request and its outcome are events, and a line of the log', async () => {
  events.length = 0
  await request('tools/call', { name: 'last', arguments: { secret: 1 } })
  await request('tools/call', { name: 'nowhere' })
  await eventually(() => expect(events.filter(it => it.type === 'response')).toHaveLength(2))
  const { requestLog } = await import('../packages/server/src/local/request-log.ts')
  const written = (verbose: boolean) => {
    const lines: string[] = []
    const log = requestLog(line => lines.push(line.replace(/\d+ ms/, 'N ms')), verbose)
    events.forEach(log)
    return lines
  }
  expect(written(false)).toEqual([
    'mcp | tools/call last N ms ok',
    'mcp | tools/call nowhere N ms error -32602: Unknown tool: nowhere',
  ])
  expect(written(true)).toContain('mcp |   > {"name":"last","arguments":{"secret":1}}')
})
