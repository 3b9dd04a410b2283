import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  agentMonday,
  agentTuesday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
} from './support/gateway.ts'
import { accept, answerOf, eventsOf, openSession } from './support/mcp-wire.ts'
import { initialize, messagesIn, meta, openRaw, postMcp, postRaw } from './support/sse-wire.ts'

// Two people behind one role: agentMonday and agentTuesday differ in the role-session name alone.

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true, environment: { OWNER_BY: 'session-name' } })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
  await gateway.admin.registerTool({
    name: 'for-monday',
    lambdaArn: functionArn('echo'),
    allow: ['arn:aws:sts::111111111111:assumed-role/agents/mon*'],
  })
})
afterAll(() => gateway.close())

const ping = { jsonrpc: '2.0', id: 9, method: 'ping' }
const lastId = (text: string) => [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''

test('on /sse, a person can neither post to, resume nor end the session of another', async () => {
  const open = (as: Credentials, lastEventId = '') =>
    openRaw(gateway, as, {
      'mcp-resume': '1',
      ...(lastEventId && { 'last-event-id': lastEventId }),
    })
  const stream = await open(agentMonday)
  const end = (credentials: Credentials) =>
    gateway.fetch(credentials)(new URL(stream.endpoint, gateway.mcpUrl), { method: 'DELETE' })

  expect((await postRaw(gateway, stream.endpoint, initialize, agentTuesday)).status).toBe(404)
  expect((await end(agentTuesday)).status).toBe(404)
  const other = await open(agentTuesday, lastId(stream.text()))
  expect(other.endpoint).not.toBe(stream.endpoint)

  expect((await postRaw(gateway, stream.endpoint, initialize, agentMonday)).status).toBe(202)
  await stream.read(/"serverInfo"/)
  const resumed = await open(agentMonday, lastId(stream.text()))
  expect(resumed.endpoint).toBe(stream.endpoint)
  expect((await end(agentMonday)).status).toBe(204)
  await Promise.all([stream.close(), other.close(), resumed.close()])
})

describe.each(['2025-03-26', '2025-06-18', '2025-11-25'])('on /mcp, %s', protocolVersion => {
  const capabilities = { elicitation: {} }

  test('a person can neither use, read nor end the session of another', async () => {
    const session = await openSession(gateway, { protocolVersion, credentials: agentMonday })
    const headers = {
      accept,
      'mcp-session-id': session.id,
      'mcp-protocol-version': protocolVersion,
    }
    const request = (method: string) =>
      gateway.fetch(agentTuesday)(new URL('mcp', gateway.mcpUrl), { method, headers })
    for (const message of [ping, { jsonrpc: '2.0', method: 'notifications/initialized' }])
      expect((await postMcp(gateway, message, { headers, credentials: agentTuesday })).status).toBe(
        404,
      )
    expect((await request('GET')).status).toBe(404)
    expect((await request('DELETE')).status).toBe(404)
    expect((await answerOf(await session.post(ping))).result).toEqual({})
    expect((await session.remove()).status).toBe(200)
  })

  test('a person can neither resume nor answer the call of another', async () => {
    const options = { protocolVersion, capabilities, credentials: agentMonday }
    const session = await openSession(gateway, options)
    const headers = { 'mcp-session-id': session.id, 'mcp-protocol-version': protocolVersion }
    const params = { name: 'contract', arguments: { mode: 'elicit' } }
    const response = await session.post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params })
    const events = eventsOf(response)
    const asked = await events.message(it => it.method === 'elicitation/create')
    const say = (answer: string) => ({
      jsonrpc: '2.0',
      id: asked.id,
      result: { action: 'accept', content: { answer } },
    })

    const refused = { headers, credentials: agentTuesday }
    expect((await postMcp(gateway, say('from tuesday'), refused)).status).toBe(404)
    const stolen = await gateway.fetch(agentTuesday)(new URL('mcp', gateway.mcpUrl), {
      headers: { ...headers, accept, 'last-event-id': asked.eventId ?? '' },
    })
    expect(stolen.status).toBe(404)

    expect((await session.post(say('from monday'))).status).toBe(202)
    const { result } = await events.message(it => it.id === 2)
    expect(JSON.stringify(result)).toContain('from monday')
    await events.close()
  })
})

test('a registration that allows one person is neither listed nor callable for another', async () => {
  const ask = async (as: Credentials, method: string, params: object = {}) => {
    const headers = { 'mcp-protocol-version': '2025-06-18' }
    const request = { jsonrpc: '2.0', id: 1, method, params }
    return (await messagesIn(await postMcp(gateway, request, { headers, credentials: as }))).at(-1)
  }
  // Twice: the second list of each person is a page that was kept.
  for (const _ of ['made', 'kept']) {
    expect(JSON.stringify(await ask(agentMonday, 'tools/list'))).toContain('for-monday')
    expect(JSON.stringify(await ask(agentTuesday, 'tools/list'))).not.toContain('for-monday')
  }
  const call = { name: 'for-monday', arguments: {} }
  expect((await ask(agentMonday, 'tools/call', call))?.result).toBeDefined()
  expect((await ask(agentTuesday, 'tools/call', call))?.error?.code).toBe(-32602)
})

test('on /mcp, 2026-07-28: a request state holds for one person', async () => {
  const call = async (as: Credentials, requestState?: unknown) => {
    const inputResponses = { ok: { action: 'accept', content: { answer: 'yes' } } }
    const params = { name: 'contract', arguments: { mode: 'elicit' }, _meta: meta }
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: requestState === undefined ? params : { ...params, inputResponses, requestState },
    }
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'contract',
    }
    return (await messagesIn(await postMcp(gateway, body, { headers, credentials: as }))).at(-1)
  }
  const asked = (await call(agentMonday))?.result
  expect(asked).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) })
  expect((await call(agentTuesday, asked?.['requestState']))?.error).toMatchObject({
    code: -32602,
    message: expect.stringContaining('requestState'),
  })
  const { result } = (await call(agentMonday, asked?.['requestState'])) ?? {}
  expect(result).toMatchObject({ content: [{ text: 'accept {"answer":"yes"}' }] })
})
