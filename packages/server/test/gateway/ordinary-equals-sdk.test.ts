import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'

import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { message, TOOLS, VERSIONS, validRequest } from '../../../../test/fuzz/messages.mjs'
import { type Random, randomOfCase } from '../../../../test/fuzz/random.mjs'
import { jsonValue } from '../../../../test/fuzz/values.mjs'
import { createOrdinaryAnswers } from '../../src/gateway/ordinary/answer.ts'
import { createProtocol } from '../../src/gateway/protocol/server.ts'
import { createCachedValidators } from '../../src/gateway/protocol/validators.ts'
import { createStreamableHttp } from '../../src/gateway/streamable/endpoint.ts'
import { createOrdinaryRequests } from '../../src/gateway/streamable/ordinary-requests.ts'
import { INITIALIZE_PROTOCOL_VERSIONS } from '../../src/gateway/wire/protocol-versions.ts'
import type { HttpRequest, HttpResponse } from '../../src/http/http-request.ts'
import type { Exchange } from '../../src/http/service.ts'
import type { Invoke, InvokeStream } from '../../src/invoker/invoker.ts'
import { type CallEntry, createCallRecorder } from '../../src/observe/call-record.ts'
import { createCachedRegistry } from '../../src/registry/cached.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { dynamoMcpSessions } from '../../src/session-table/dynamo-sessions.ts'
import { unlimitedStreams } from '../../src/session-table/open-streams.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { noLimits } from '../support/no-limits.ts'

/** Another seed sends other requests. */
const SEED = Number(process.env['SEED'] ?? 20_261_126)
const CASES = Number(process.env['CASES'] ?? 10_200)

const ORDINARY = [
  ...['initialize', 'ping', 'server/discover', 'tools/list', 'prompts/list', 'resources/list'],
  ...['resources/templates/list', 'resources/read', 'prompts/get', 'tools/call', 'tools/call'],
]

/** 9 methods of 2026-07-28; 9 of 4 earlier versions, alone and in a session, `initialize` alone. */
const METHODS_AND_VERSIONS = 8 + 4 * (9 + 8)

/** What functions return: MCP results of every kind, and what only looks like one. */
const OUTPUTS: unknown[] = [
  'text',
  null,
  [],
  { a: 1 },
  { content: [{ type: 'text', text: 'x' }] },
  { content: [{ type: 'text', text: 'x' }], isError: true },
  { content: [{ type: 'text', text: 'x', annotations: { audience: ['user'], priority: 0.5 } }] },
  { content: [{ type: 'text', text: 'x', extra: 1 }], _meta: { a: 1 } },
  { content: [{ type: 'image', data: 'aGk=', mimeType: 'image/png' }] },
  { content: [{ type: 'image', data: 'no base64!', mimeType: 'image/png' }] },
  { content: [{ type: 'audio', data: 'aGk=', mimeType: 'audio/wav' }] },
  { content: [{ type: 'resource_link', uri: 'a:b', name: 'n', description: 'd' }] },
  { content: [{ type: 'resource', resource: { uri: 'a:b', text: 't', mimeType: 'text/plain' } }] },
  { content: [], structuredContent: { a: 1 } },
  { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 } },
  { structuredContent: { a: [1, 2.5, null] } },
  { structuredContent: [1, 2], content: [] },
  { structuredContent: null, content: [{ type: 'text', text: 'x' }] },
  { content: [{ type: 'unknown' }] },
  { content: [{ id: 1 }], totalPages: 1 },
  { statusCode: 200, body: '{"a":1}' },
  { statusCode: 404, body: 'no' },
  { contents: [{ uri: 'fixed://one', text: 'x' }] },
  { contents: [{ uri: 'fixed://one', blob: 'aGk=', mimeType: 'image/png' }], ttlMs: 5 },
  { messages: [{ role: 'assistant', content: { type: 'text', text: 'x' } }], description: 'd' },
  { messages: [{ role: 'user', content: 'x' }] },
  { resultType: 'complete', content: [{ type: 'text', text: 'x' }] },
]

const output = (text: string) => OUTPUTS[hash(text) % OUTPUTS.length]
const hash = (text: string) => [...text].reduce((sum, it) => (sum * 31 + it.charCodeAt(0)) >>> 0, 7)

/** The edge: what the Lambda API answers. */
const invoke: Invoke = async (_, event) => {
  const given = JSON.parse(event)
  if (given.broken) throw new TypeError('arn:aws:secret')
  if (given.fail !== undefined) return { failure: `The function failed with ${given.fail}` }
  return { payload: JSON.stringify(given.output ?? output(event)) }
}
const invokeStream: InvokeStream = async function* (_, event) {
  const { method } = JSON.parse(event)
  const result = {
    'tools/call': { content: [{ type: 'text', text: 'streamed' }] },
    'resources/read': { contents: [] },
    'prompts/get': { messages: [] },
    'completion/complete': { completion: { values: ['a'] } },
  }[String(method)]
  yield Buffer.from(`${JSON.stringify({ result })}\n`)
}

const any = { lambdaArn: 'arn:aws:lambda:us-east-1:123456789012:function:any' }
const stamps = { version: 1, createdAt: '', updatedAt: '', createdBy: '' }
const object = { type: 'object' as const }
const output1 = { ...object, properties: { a: { type: 'number' } }, required: ['a'] }
const strict = { ...object, properties: { text: { type: 'string' } }, required: ['text'] }
const repeated = { ...object, properties: { a: { type: 'string', 'x-mcp-header': 'A' } } }

const REGISTRATIONS = [
  { type: 'tool', name: 'any', inputSchema: object, contract: 'arguments' },
  { type: 'tool', name: 'loose', inputSchema: object, contract: 'arguments', title: 'Loose' },
  { type: 'tool', name: 'strict', inputSchema: strict, contract: 'arguments' },
  { type: 'tool', name: 'constructor', inputSchema: object, contract: 'arguments' },
  { type: 'tool', name: 'out', inputSchema: object, outputSchema: output1, contract: 'arguments' },
  { type: 'tool', name: 'headers', inputSchema: repeated, contract: 'arguments' },
  { type: 'tool', name: 'lines', inputSchema: object, contract: 'mcp' },
  { type: 'tool', name: 'hidden', inputSchema: object, contract: 'arguments', allow: [] },
  { type: 'resource', name: 'fixed', uri: 'fixed://one', contract: 'arguments' },
  { type: 'resource', name: 'note', uriTemplate: 'notes://{id}', contract: 'arguments' },
  { type: 'resource', name: 'lines', uriTemplate: 'lines://{id}', contract: 'mcp' },
  { type: 'prompt', name: 'greet', arguments: [{ name: 'name', required: true }] },
  { type: 'prompt', name: 'ask', contract: 'mcp' },
].map(it => ({ id: `${it.type}-${it.name}`, ...stamps, ...any, ...it }) as Registration)

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
  const registry = dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable)
  for (const it of REGISTRATIONS) await registry.create(it)
})
afterAll(() => emulator.close())

function endpoints(serverPush: boolean) {
  const dynamo = emulator.dynamo()
  const { SessionTable, RegistrationTable } = emulator.tables
  const parts = {
    registry: createCachedRegistry(dynamoRegistry(dynamo, RegistrationTable)),
    sessions: dynamoMcpSessions(dynamo, SessionTable),
    eventStore: dynamoEventStore(dynamo, SessionTable, 16),
    invoke,
    validatorsOf: createCachedValidators(),
    maxCallsInFlight: 32,
    limits: noLimits,
    heartbeatSeconds: 15,
    serverPush,
    instructions: serverPush ? 'Use these tools.' : '',
    listTtlSeconds: 60,
    streams: unlimitedStreams,
  }
  /** The log entries of calls, without what the clock says. */
  const entries: { ours: object[]; theirs: object[] } = { ours: [], theirs: [] }
  const recorder = (to: object[]) =>
    createCallRecorder({
      write: entry => to.push(withoutTimes(entry)),
      failedOnly: false,
      hasPayloads: false,
      tableReads: () => 0,
    })
  const prepare = createOrdinaryAnswers({ ...parts, beginCall: recorder(entries.ours) })
  const ordinary = createOrdinaryRequests({ ...parts, prepare })
  const beginCall = recorder(entries.theirs)
  const bySdk = createStreamableHttp({
    ...parts,
    beginCall,
    protocol: createProtocol({ ...parts, invokeStream, beginCall }),
    relay: {} as never,
    idleTimeoutSeconds: 120,
    listenSeconds: 60,
    useRequestState: async () => true,
    requestStateKeys: async () => ['k'.repeat(32)],
  })
  return { ordinary, bySdk, entries }
}

const withoutTimes = ({ timestamp, functionMs, ownMs, ...entry }: CallEntry) => ({
  ...entry,
  hasRun: functionMs !== undefined,
})

const exchange: Exchange = {
  caller: {
    arn: 'arn:aws:iam::123456789012:user/caller',
    accountId: '123456789012',
    owner: '123456789012/AIDA',
  },
  requestId: 'request-1',
  receivedAt: 0,
  remaining: () => 30_000,
  arrival: { at: undefined, isCold: false, tableReads: 0, trace: undefined },
}

function httpRequest(body: unknown, headers: Record<string, string>): HttpRequest {
  const text = JSON.stringify(body)
  const all = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  }
  const url = 'https://abc.lambda-url.us-east-1.on.aws/mcp'
  return {
    method: 'POST',
    path: '/mcp',
    query: '',
    headers: all,
    text,
    toRequest: () => new Request(url, { method: 'POST', headers: all, body: text }),
  }
}

/** The one difference: the SDK drops what a function calls `__proto__`, and we pass it on. */
const parse = (text: string) =>
  JSON.parse(text, (name, value) => (name === '__proto__' ? undefined : value))

async function textOf(response: HttpResponse): Promise<string> {
  if (response instanceof Response) return response.text()
  if ('text' in response) return response.text
  const out = new PassThrough()
  const [written] = await Promise.all([buffer(out), response.writeTo(out)])
  return written.toString()
}

/** What a client gets to see of a response. */
async function seen(response: HttpResponse) {
  const headers = new Headers(response.headers)
  const text = await textOf(response)
  const type = headers.get('content-type')
  const messages =
    type === 'text/event-stream'
      ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => parse(data))
      : text.trim() && parse(text)
  return { status: response.status, type, messages }
}

/** A request of one case: its body, and its headers in a session with this id. */
function caseOf(random: Random, version: string, inSession: boolean) {
  const isStateless = version === '2026-07-28'
  const body = random.chance(0.8)
    ? (validRequest(random, { isStateless, method: random.pick(ORDINARY) }) as Record<
        string,
        unknown
      >)
    : (message(random, { isStateless }) as Record<string, unknown>)
  const params = Object(body)['params'] as Record<string, unknown> | undefined
  if (Object(body)['method'] === 'tools/call' && params && random.chance(0.5)) {
    params['name'] = random.pick([...TOOLS, 'out', 'headers', 'hidden', 'none'])
    params['arguments'] = { output: random.pick([random.pick(OUTPUTS), jsonValue(random)]) }
  }
  const method = Object(body)['method']
  const named = params?.['name'] ?? params?.['uri']
  const headers: Record<string, string> = {
    ...((isStateless || inSession || random.chance(0.5)) && { 'mcp-protocol-version': version }),
    ...(isStateless && random.chance(0.95) && { 'mcp-method': isHeader(method) ? method : 'x' }),
    ...(isStateless && isHeader(named) && random.chance(0.95) && { 'mcp-name': named }),
    ...(random.chance(0.05) && { accept: random.pick(['*/*', 'text/event-stream']) }),
  }
  return { body, headers }
}

const isHeader = (value: unknown): value is string =>
  typeof value === 'string' && /^[!-~]+$/.test(value)

const initialize = (protocolVersion: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'n', version: '1' } },
})

test('the protocol versions are those of the SDK', () => {
  expect(INITIALIZE_PROTOCOL_VERSIONS).toEqual(SUPPORTED_PROTOCOL_VERSIONS)
})

let compared = 0
afterAll(() => expect(compared).toBeGreaterThan(CASES * 0.49))

test.each([false, true])(
  'a request that is answered without the SDK gets the response of the SDK (server push: %s)',
  async serverPush => {
    const { ordinary, bySdk, entries } = endpoints(serverPush)
    const sessions = new Map<string, string>()
    for (const version of VERSIONS.filter(it => it !== '2026-07-28')) {
      const opened = await ordinary(httpRequest(initialize(version), {}), exchange)
      sessions.set(version, new Headers(opened?.headers).get('mcp-session-id') ?? '')
    }
    const methods = new Map<string, number>()
    for (let index = 0; index < CASES / 2; index++) {
      const random = randomOfCase(SEED + Number(serverPush), index)
      const version = random.pick([...VERSIONS, '2026-07-28'])
      const session = random.chance(0.5) ? sessions.get(version) : undefined
      const { body, headers } = caseOf(random, version, session !== undefined)
      const all = session ? { ...headers, 'mcp-session-id': session } : headers
      const answered = await ordinary(httpRequest(body, all), exchange)
      if (!answered) {
        expect(entries.ours, 'a request that the SDK answers').toEqual([])
        continue
      }
      const [ours, theirs] = await Promise.all([
        seen(answered),
        bySdk(httpRequest(body, all).toRequest(), exchange).then(seen),
      ])
      expect(
        ours,
        `case ${index} of seed ${SEED}: ${JSON.stringify({ body, all }).slice(0, 500)}`,
      ).toEqual(theirs)
      expect(entries.ours, `the log entry of case ${index}`).toEqual(entries.theirs)
      entries.ours.length = entries.theirs.length = 0
      const name = `${body['method']} ${version} ${session ? 'in a session' : 'alone'}`
      methods.set(name, (methods.get(name) ?? 0) + 1)
    }
    // Every method in every protocol version that has it, alone and in a session.
    expect(methods.size).toBe(METHODS_AND_VERSIONS)
    compared += [...methods.values()].reduce((sum, it) => sum + it, 0)
  },
  240_000,
)

test('a fault of the gateway is an error without its message, from both', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { ordinary, bySdk } = endpoints(false)
  const params = { name: 'any', arguments: { broken: true } }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const request = httpRequest(body, { 'mcp-protocol-version': '2025-06-18' })
  for (const response of [
    await ordinary(request, exchange),
    await bySdk(request.toRequest(), exchange),
  ]) {
    const text = response && (await textOf(response))
    expect(text).toContain('"code":-32603')
    expect(text).toContain('request-1')
    expect(text).not.toContain('secret')
  }
  expect(JSON.stringify(logged.mock.calls)).toContain('secret')
})
