import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { connect, info } from './support/clients.ts'
import {
  agentMonday,
  agentTuesday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
  stranger,
  until,
} from './support/gateway.ts'
import { openSession } from './support/mcp-wire.ts'
import {
  initialize,
  initialized,
  messagesIn,
  meta,
  openRaw,
  postMcp,
  postRaw,
} from './support/sse-wire.ts'

// Each principal may make one call per second, and four at once after a pause. One may use `scarce`
// and `streamed` once in two minutes, and `rare` once in two seconds.
let gateway: Gateway
const lines: string[] = []
beforeAll(async () => {
  gateway = await startGateway({
    environment: { RATE_LIMIT: '1,4' },
    log: ({ message }) => lines.push(message),
  })
  const { admin } = gateway
  const rateLimit = { perSecond: 0.008 }
  await admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo') })
  await admin.registerTool({ name: 'scarce', lambdaArn: functionArn('greet'), rateLimit })
  const rare = { lambdaArn: functionArn('wait'), rateLimit: { perSecond: 0.5 } }
  await admin.registerTool({ name: 'rare', ...rare })
  const notes = { lambdaArn: functionArn('notes'), uriTemplate: 'notes://{id}', rateLimit }
  await admin.registerResource({ name: 'notes', ...notes })
  await admin.registerPrompt({ name: 'hello', lambdaArn: functionArn('notes'), rateLimit })
  const lambdaArn = functionArn('contract')
  for (const name of ['streamed', 'asking'])
    await admin.registerTool({ name, lambdaArn, contract: 'mcp', rateLimit })
})
afterAll(() => gateway.close())

const runsOf = (name: string) => gateway.invocations.filter(it => it.functionName === name).length

const callOf = (id: number, name: string) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: { mode: 'result' } },
})

/** A request of protocol version 2026-07-28, sent once. */
function send(method: string, params: object, credentials?: Credentials) {
  const [name] = ['name', 'uri'].flatMap(it => Object(params)[it] ?? [])
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name }
  const message = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }
  return postMcp(gateway, message, { headers, credentials })
}

/** Sends until a request is over this limit. Resolves with how many were accepted before. */
async function untilRefused(limit: string, post: () => Promise<Response>): Promise<number> {
  let accepted = 0
  await until(async () => {
    const response = await post()
    if (response.status !== 429) {
      expect(response.status).toBeLessThan(300)
      expect(await response.text()).not.toContain('rate_limited')
      accepted += 1
      return false
    }
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect(error.code).toBe('rate_limited')
    return error.message.includes(limit)
  }, limit)
  return accepted
}

const OF_CALLER = 'setting RateLimit'

const inside = { reason: 'rate_limited', retryAfter: expect.any(Number), retrySafe: true }

test('over its limit a caller gets 429, its requests do not run, and others go on', async () => {
  const before = runsOf('echo')
  const call = (credentials: Credentials) => send('tools/call', { name: 'echo' }, credentials)
  const accepted = await untilRefused(OF_CALLER, () => call(agentMonday))
  expect(accepted).toBeGreaterThanOrEqual(4)
  // Another session of the role is the same principal.
  const tuesday = await untilRefused(OF_CALLER, () => call(agentTuesday))
  expect(tuesday).toBeLessThan(4)
  expect(runsOf('echo')).toBe(before + accepted + tuesday)

  for (const method of ['tools/list', 'prompts/list', 'server/discover'])
    expect((await send(method, {}, agentMonday)).status).toBe(200)
  expect((await call(stranger)).status).toBe(200)
})

test('POST /message is refused before anything is accepted', async () => {
  const stream = await openRaw(gateway, agentMonday)
  await postRaw(gateway, stream.endpoint, initialize, agentMonday)
  await postRaw(gateway, stream.endpoint, initialized, agentMonday)
  let id = 100
  const accepted = await untilRefused(OF_CALLER, () =>
    postRaw(gateway, stream.endpoint, callOf(++id, 'echo'), agentMonday),
  )
  // Every other message is accepted, and the stream counts no request again.
  const ping = { jsonrpc: '2.0', id: 'ping', method: 'ping' }
  expect((await postRaw(gateway, stream.endpoint, ping, agentMonday)).status).toBe(202)
  await stream.read(/"id":"ping"/)
  for (let n = 101; n <= 100 + accepted; n++) await stream.read(new RegExp(`"id":${n}\\b`))
  expect(stream.text()).not.toContain('"error"')
  expect(stream.text()).not.toContain(`"id":${id}`)
  await stream.close()
})

test('the limit of a registration is 429 on /mcp, and an error inside a batch or a stream', async () => {
  const scarce = await untilRefused('tool-scarce', () => send('tools/call', { name: 'scarce' }))
  expect(scarce).toBeGreaterThanOrEqual(1)
  // The function streams, so the SDK answers.
  await untilRefused('tool-streamed', () => send('tools/call', { name: 'streamed' }))
  const session = await openSession(gateway)
  await untilRefused('tool-streamed', () => session.post(callOf(7, 'streamed')))
  expect(runsOf('greet')).toBe(scarce)

  const batching = await openSession(gateway, {
    protocolVersion: '2025-03-26',
    credentials: stranger,
  })
  const calls = [callOf(1, 'scarce'), callOf(2, 'scarce'), callOf(3, 'streamed')]
  const responses = await messagesIn(await batching.post(calls))
  expect(responses.filter(it => it.error).map(it => it.error)).toEqual([
    { code: -32_000, message: expect.stringContaining('tool-scarce'), data: inside },
  ])
  expect(runsOf('greet')).toBe(scarce + 1)

  // The environment of the stream may not know the calls of the others before its own first one.
  const stream = await openRaw(gateway, stranger)
  await postRaw(gateway, stream.endpoint, initialize, stranger)
  for (const [id, name] of [
    [11, 'scarce'],
    [12, 'scarce'],
    [13, 'streamed'],
    [14, 'streamed'],
  ] as const) {
    const post = () => postRaw(gateway, stream.endpoint, callOf(id, name), stranger)
    await until(async () => (await post()).status === 202, 'the limit of the caller')
    await stream.read(new RegExp(`"id":${id}\\b`))
  }
  for (const id of [12, 14]) {
    const [, text = ''] = new RegExp(`^data: (.*"id":${id}\\b.*)$`, 'm').exec(stream.text()) ?? []
    expect(JSON.parse(text).error).toMatchObject({ code: -32_000, data: inside })
  }
  await stream.close()
})

test('a refused call has its log entry, also where the SDK would answer it', async () => {
  const refused = () =>
    lines
      .filter(it => it.includes('"rate_limited"'))
      .map(it => JSON.parse(it))
      .filter(it => it.message === 'call')
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const _meta = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  const traced = (name: string) => ({ ...callOf(9, name), params: { name, _meta } })
  const called = {
    'mcp.method.name': 'tools/call',
    'error.type': 'rate_limited',
    trace_id: traceId,
    errors: 0,
    bytesIn: 0,
  }
  const entryOf = async (post: () => Promise<Response>, limit: string, entry: object) => {
    lines.length = 0
    await untilRefused(limit, post)
    await until(() => refused().length > 0, 'the entry')
    expect(refused()).toEqual([expect.objectContaining({ ...called, ...entry })])
  }

  const headers = { 'mcp-protocol-version': '2025-06-18' }
  const ofTool = { 'gen_ai.tool.name': 'streamed', function: functionArn('contract') }
  await entryOf(() => postMcp(gateway, traced('streamed'), { headers }), 'tool-streamed', ofTool)
  const session = await openSession(gateway)
  await entryOf(() => session.post(traced('streamed')), 'tool-streamed', {
    ...ofTool,
    'mcp.session.id': session.id,
  })

  const stream = await openRaw(gateway, agentMonday)
  const [, sessionId] = stream.endpoint.split('sessionId=')
  const who = {
    caller: 'arn:aws:iam::111111111111:role/agents',
    sessionName: 'monday',
    'mcp.session.id': sessionId,
  }
  await entryOf(
    () => postRaw(gateway, stream.endpoint, traced('echo'), agentMonday),
    OF_CALLER,
    who,
  )
  await until(async () => {
    await postRaw(gateway, stream.endpoint, traced('streamed'), agentMonday)
    return refused().some(
      it => it['gen_ai.tool.name'] === 'streamed' && it['mcp.session.id'] === sessionId,
    )
  }, 'the entry of a call that was refused inside the stream')
  await stream.close()
})

test('reads of resources and gets of prompts count, and completions do not', async () => {
  const read = () => send('resources/read', { uri: 'notes://1' }, stranger)
  const get = () => send('prompts/get', { name: 'hello' }, stranger)
  const reads = await untilRefused('resource-notes', read)
  const gets = await untilRefused('prompt-hello', get)
  expect(runsOf('notes')).toBe(reads + gets)
  const params = { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: 'a', value: '' } }
  for (let n = 0; n < 6; n++)
    expect((await send('completion/complete', params, stranger)).status).toBe(200)
})

test('a call of a session that asks its user counts once', async () => {
  const user = { elicit: () => ({ action: 'accept', content: { answer: 'yes' } }) }
  const { client, call } = await connect(gateway, 'SDK 1.x', '/sse over our transport', { user })
  const { content } = await call('elicit', { name: 'asking' })
  expect(content).toEqual([{ type: 'text', text: 'accept {"answer":"yes"}' }])
  await client.close()
})

test.each(['/mcp over our transport', '/sse over our transport'] as const)(
  'clients wait on %s, and every call has its result',
  async over => {
    const { client } = await connect(gateway, 'SDK 2.x', over, { credentials: stranger })
    await untilRefused(OF_CALLER, () => send('tools/call', { name: 'echo' }, stranger))
    const before = runsOf('echo')
    const results = await Promise.all([1, 2].map(() => client.callTool({ name: 'echo' })))
    expect(results.map(it => it.isError ?? false)).toEqual([false, false])
    expect(runsOf('echo')).toBe(before + 2)
    await client.close()
  },
)

const WAYS = ['/sse', '/sse without resumption', '/mcp'] as const

/** A client of SDK 2.x over our transport. */
async function waitingClient(way: (typeof WAYS)[number], credentials: Credentials) {
  const { mcpUrl, region } = gateway
  const pauses: string[] = []
  const sessions = new Set<string>()
  const fetch: typeof globalThis.fetch = (url, init) => {
    const { searchParams } = new URL(String(url))
    sessions.add(searchParams.get('sessionId')?.slice(0, 2) ?? '')
    const headers = new Headers(init?.headers)
    // Signed again, because the announcement of resumption is a signed header.
    headers.delete('authorization')
    if (way === '/sse without resumption') headers.delete('mcp-resume')
    return gateway.fetch(credentials)(url, { ...init, headers })
  }
  const onPause = ({ message }: Error) => void pauses.push(message)
  const Transport = way === '/mcp' ? SigV4StreamableHttpTransport : SigV4SseTransport
  const client = new Client(info)
  await client.connect(new Transport(mcpUrl, { region, credentials, fetch, onPause }))
  return {
    client,
    isResumable: () => sessions.has('r-'),
    hasWaited: () => pauses.some(it => it.includes('tool-rare')),
    call: (signal?: AbortSignal) => client.callTool({ name: 'rare' }, signal && { signal }),
  }
}

test.each(WAYS)('calls over the limit of a registration wait on %s, and run once', async way => {
  const { client, call, hasWaited, isResumable } = await waitingClient(way, agentTuesday)
  const before = runsOf('wait')
  let calls = 0
  // Another environment of `/mcp` may not know the first call yet.
  await until(async () => {
    const results = await Promise.all([call(), call()])
    expect(results.map(it => it.content)).toEqual(Array(2).fill([{ type: 'text', text: 'done' }]))
    calls += 2
    return hasWaited() || way !== '/mcp'
  }, 'a pause')
  expect(hasWaited()).toBe(true)
  expect(isResumable()).toBe(way === '/sse')
  expect(runsOf('wait')).toBe(before + calls)
  await client.close()
})

test('a call that is cancelled while it waits on /sse does not run', async () => {
  const { client, call, hasWaited } = await waitingClient('/sse', stranger)
  const before = runsOf('wait')
  const cancelled = new AbortController()
  const two = Promise.allSettled([call(cancelled.signal), call(cancelled.signal)])
  await until(hasWaited, 'a pause')
  cancelled.abort()
  expect((await two).map(it => it.status)).toContain('rejected')
  // After these it would have been sent again.
  await call()
  await call()
  expect(runsOf('wait')).toBe(before + 3)
  await client.close()
})
