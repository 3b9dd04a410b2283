import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { connect } from './support/clients.ts'
import {
  agentMonday,
  agentTuesday,
  type Credentials,
  functionArn,
  type Gateway,
  hasContent,
  startGateway,
  stranger,
  until,
} from './support/gateway.ts'
import { initialize, initialized, openRaw, postRaw } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { ms: 'number', file: 'string?', log: 'string?', text: 'string?' },
  })
  await gateway.admin.registerTool({
    name: 'agents-only',
    lambdaArn: functionArn('echo'),
    parameters: {},
    allow: ['arn:aws:iam::111111111111:role/agents'],
  })
})
afterAll(() => gateway.close())

describe('a session', () => {
  test('begins with the event that names where to post', async () => {
    const stream = await openRaw(gateway)
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.text()).toMatch(
      /^id: ([\w-]{24})\.0\nretry: 1000\nevent: endpoint\ndata: \/message\?sessionId=\1\n\n/,
    )
    const accepted = await postRaw(gateway, stream.endpoint, initialize)
    expect([accepted.status, await accepted.text()]).toEqual([202, 'Accepted'])
    expect(await stream.read(/event: message/)).toMatch(
      /id: [\w-]{24}\.1\nevent: message\ndata: \{.*"protocolVersion":"2024-11-05".*\}\n\n/,
    )
    await stream.close()
  })

  test('sends no result of a call that was cancelled, though its function ran to its end', async () => {
    const [go, log] = ['go', 'log'].map(name => join(tmpdir(), `${randomUUID()}-${name}`)) as [
      string,
      string,
    ]
    const stream = await openRaw(gateway)
    const send = (message: object) =>
      postRaw(gateway, stream.endpoint, { jsonrpc: '2.0', ...message })
    await send(initialize)
    await send(initialized)
    const params = { name: 'wait', arguments: { ms: 0, file: go, log } }
    await send({ id: 'cancelled', method: 'tools/call', params })
    await until(() => hasContent(log), 'the function to start')
    await send({ method: 'notifications/cancelled', params: { requestId: 'cancelled' } })
    await send({ id: 'ping', method: 'ping' })
    await stream.read(/"id":"ping"/) // so the cancellation, which came before, has been taken, too
    writeFileSync(go, '')
    // A later call of the same function, whose answer comes after the one that must not.
    await send({ id: 'later', method: 'tools/call', params })
    await stream.read(/"id":"later"/)
    expect(stream.text()).not.toContain('"id":"cancelled"')
    await stream.close()
  })

  test('does not exist for another caller', async () => {
    const stream = await openRaw(gateway, agentMonday)
    const refused = await postRaw(gateway, stream.endpoint, initialize, stranger)
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({
      error: { code: 'session_not_found', requestId: expect.any(String) },
    })
    expect((await postRaw(gateway, stream.endpoint, initialize)).status).toBe(404)
    expect((await postRaw(gateway, stream.endpoint, initialize, agentMonday)).status).toBe(202)
    await stream.close()
  })

  test('stays its caller’s under another role-session name', async () => {
    const stream = await openRaw(gateway, agentMonday)
    expect((await postRaw(gateway, stream.endpoint, initialize, agentTuesday)).status).toBe(202)
    await stream.read(/"serverInfo"/)
    await stream.close()
  })

  test('of another role does not see, and cannot call, what it is not allowed', async () => {
    const as = async (credentials: Credentials) =>
      (await connect(gateway, 'SDK 2.x', '/sse over our transport', { credentials })).client
    const agent = await as(agentMonday)
    expect((await agent.listTools()).tools.map(it => it.name)).toContain('agents-only')
    expect((await agent.callTool({ name: 'agents-only' })).isError).toBeFalsy()
    await agent.close()
    const other = await as(stranger)
    await expect(other.callTool({ name: 'agents-only' })).rejects.toMatchObject({ code: -32602 })
    await other.close()
  })
})
