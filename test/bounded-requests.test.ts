import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { textOf } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { answerOf, eventsOf, openSession } from './support/mcp-wire.ts'
import { messagesIn, meta, postMcp } from './support/sse-wire.ts'

let gateway: Gateway
const logged: string[] = []
beforeAll(async () => {
  gateway = await startGateway({
    push: true,
    log: ({ message }) => logged.push(message),
    environment: { HEARTBEAT_SECONDS: '1', IDLE_TIMEOUT_SECONDS: '2', OWNER_BY: 'session-name' },
    principals: [longRole, longUser],
  })
  const { admin } = gateway
  await admin.registerTool({ name: longName, lambdaArn: functionArn('echo'), parameters: {} })
  await admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
  await admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string', file: 'string?' },
  })
  await admin.registerResource({
    name: 'note',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'note://{id}',
  })
})
afterAll(() => gateway.close())

const modern = (method: string, name?: string) => ({
  headers: {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name && { 'mcp-name': name }),
  },
})

describe('subscriptions', () => {
  const listen = (resourceSubscriptions: string[]) => {
    const params = { notifications: { resourceSubscriptions }, _meta: meta }
    const request = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }
    return postMcp(gateway, request, modern('subscriptions/listen'))
  }
  const uris = (count: number, length = 0) =>
    Array.from({ length: count }, (_, n) => `note://${n}`.padEnd(length, 'x'))
  const tooMany = { code: -32602, message: expect.stringContaining('at most 500 resources') }

  test.each([
    ['15,000 resources', uris(15_000)],
    ['501 resources', uris(501)],
    ['200 KB of URIs', uris(25, 8_000)],
  ])('of 2026-07-28 to %s are refused', async (_, many) => {
    const response = await listen(many)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: 1, error: tooMany })
  })

  test('of 2026-07-28 to one resource many times count once', async () => {
    const events = eventsOf(await listen(Array.from({ length: 1_000 }, () => 'note://1')))
    const acknowledged = 'notifications/subscriptions/acknowledged'
    expect((await events.next())?.data).toContain(acknowledged)
    await events.close()
  })

  test('of a session to 200 KB of URIs are refused, and the first ones stay', async () => {
    const session = await openSession(gateway)
    const errors: unknown[] = []
    for (const uri of uris(20, 8_000)) {
      const request = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } }
      const { error } = await answerOf(await session.post(request))
      if (error) errors.push(error)
    }
    expect(errors).toHaveLength(4)
    expect(errors[0]).toMatchObject(tooMany)
  })
})

/** Names as long as IAM allows: 64 characters each, and a path of 512. */
const longest = (resource: string, userId: string) => ({
  accessKeyId: `ASIA${userId.slice(0, 8)}`,
  secretAccessKey: `secret of ${userId.slice(0, 8)}`,
  sessionToken: `token of ${userId.slice(0, 8)}`,
  arn: `arn:aws-us-gov:${resource}`,
  userId,
})
const session = 's'.repeat(64)
const longRole = longest(
  `sts::111111111111:assumed-role/${'r'.repeat(64)}/${session}`,
  `AROA${'A'.repeat(124)}:${session}`,
)
const longUser = longest(
  `iam::111111111111:user/${'p'.repeat(510)}/${'u'.repeat(64)}`,
  `AIDA${'A'.repeat(124)}`,
)
const longName = 'n'.repeat(128)

describe('what does not fit into the client context', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const clientInfo = { name: 'raw', version: '1' }

  test.each([
    ['nothing', { clientInfo, traceparent }, undefined],
    [
      'clientInfo',
      { clientInfo: { name: 'x'.repeat(5_000), version: '1' }, traceparent },
      ['clientInfo'],
    ],
  ])('is left out, and the function is told: %s', async (_, sent, omitted) => {
    const _meta = {
      ...meta,
      'io.modelcontextprotocol/clientInfo': sent.clientInfo,
      traceparent: sent.traceparent,
    }
    const params = { name: 'echo', arguments: {}, _meta }
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
    const [message] = await messagesIn(
      await postMcp(gateway, request, modern('tools/call', 'echo')),
    )
    const { custom } = JSON.parse(textOf(message?.result))
    expect(custom.mcp.omitted).toEqual(omitted)
    for (const name of ['clientInfo', 'traceparent'] as const)
      expect(custom.mcp[name]).toEqual(omitted?.includes(name) ? undefined : sent[name])
    expect(custom.bedrockAgentCoreToolName).toBe('echo')
    const isLogged = () => logged.some(it => /client context is too long.*clientInfo/.test(it))
    if (omitted) await until(isLogged, 'the log entry')
    else expect(isLogged()).toBe(false)
  })

  test.each([
    ['a role', longRole],
    ['a user with a path', longUser],
  ])('is clientInfo alone, also where all names of %s are as long as can be', async (_, as) => {
    const call = async (name: string) => {
      const params = { name: longName, arguments: {}, _meta: { traceparent } }
      const headers = {
        'mcp-session-id': await openAs(name),
        'mcp-protocol-version': '2025-11-25',
      }
      const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
      const [message] = await messagesIn(
        await postMcp(gateway, request, { headers, credentials: as }),
      )
      return JSON.parse(textOf(message?.result)).custom.mcp
    }
    const openAs = async (name: string) => {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name, version: '1' },
      }
      const request = { jsonrpc: '2.0', id: 1, method: 'initialize', params }
      const opened = await postMcp(gateway, request, { credentials: as })
      await opened.text()
      return opened.headers.get('mcp-session-id') ?? ''
    }
    const { clientInfo: shown, ...told } = await call('raw')
    expect(shown).toEqual(clientInfo)
    const isRole = as === longRole
    expect(told).toEqual({
      type: 'tool',
      name: longName,
      caller: {
        kind: 'iam',
        arn: as.arn,
        principal: isRole ? `arn:aws-us-gov:iam::111111111111:role/${'r'.repeat(64)}` : as.arn,
        accountId: '111111111111',
        ...(isRole && { sessionName: session }),
        owner: `111111111111/${as.userId}`,
      },
      sessionId: expect.stringMatching(/^[\w-]{24}$/),
      traceparent,
    })
    const long = await call('x'.repeat(5_000))
    expect(long).toEqual({ ...told, sessionId: expect.any(String), omitted: ['clientInfo'] })
  })

  test('is no traceparent: one that is not valid is dropped, and a valid one reaches the function', async () => {
    const call = async (sent: unknown) => {
      const params = { name: 'echo', arguments: {}, _meta: { ...meta, traceparent: sent } }
      const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
      const [message] = await messagesIn(
        await postMcp(gateway, request, modern('tools/call', 'echo')),
      )
      return JSON.parse(textOf(message?.result)).custom.mcp
    }
    const [version, id, parent, flags] = traceparent.split('-')
    expect(await call(`cc-${id}-${parent}-${flags}`)).toMatchObject({
      traceparent: `cc-${id}-${parent}-${flags}`,
    })
    for (const wrong of [
      'x'.repeat(5_000),
      traceparent.toUpperCase(),
      `${traceparent}-${'x'.repeat(5_000)}`,
      `ff-${id}-${parent}-${flags}`,
      `${version}-${'0'.repeat(32)}-${parent}-${flags}`,
      `${version}-${id}-${'0'.repeat(16)}-${flags}`,
      7,
    ]) {
      const told = await call(wrong)
      // That of the HTTP request takes its place.
      expect(told.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-0[01]$/)
      expect(told.traceparent, String(wrong).slice(0, 60)).not.toContain(id)
      expect(told).not.toHaveProperty('omitted')
    }
  })
})

test('a protocol version of 1 MB is refused in a few kilobytes', async () => {
  const _meta = { ...meta, 'io.modelcontextprotocol/protocolVersion': 'x'.repeat(1_000_000) }
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } }
  const response = await postMcp(gateway, request, { headers: { 'mcp-method': 'tools/list' } })
  expect(response.status).toBe(400)
  expect((await response.text()).length).toBeLessThan(20_000)
})

test('GET /mcp stays open for a client that answers no ping while its call runs', async () => {
  const session = await openSession(gateway)
  const file = join(tmpdir(), randomUUID())
  const params = { name: 'contract', arguments: { mode: 'wait', file } }
  const running = session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const text = (await session.get()).body?.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  const read = async () => {
    const { done, value } = (await text?.read()) ?? { done: true }
    seen += value ?? ''
    return !done
  }
  // One keep-alive comment each second: the client is quiet for longer than the idle timeout.
  while (seen.split(': ka').length <= 5) expect(await read()).toBe(true)
  writeFileSync(file, '')
  expect((await answerOf(await running)).result).toBeDefined()
  while (await read());
})
