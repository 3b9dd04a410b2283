import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { eventsOf, openSession } from './support/mcp-wire.ts'
import { sessionTable } from './support/session-table.ts'
import { initialize, initialized, openRaw, postRaw } from './support/sse-wire.ts'

// A user may take longer than a lease lasts. The lease of the place where the response arrives is
// renewed for as long as the server waits for it.

const callThatAsks = {
  jsonrpc: '2.0',
  id: 2,
  method: 'tools/call',
  params: { name: 'contract', arguments: { mode: 'elicit' } },
}
const result = { action: 'accept', content: { answer: 'late' } }
const text = 'accept {"answer":"late"}'

describe.each(['0.3', '1'])('with a heartbeat of %s seconds, an elicitation', heartbeat => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ environment: { HEARTBEAT_SECONDS: heartbeat } })
    await gateway.admin.registerTool({
      name: 'contract',
      lambdaArn: functionArn('contract'),
      contract: 'mcp',
      parameters: { mode: 'string' },
    })
  })
  afterAll(() => gateway.close())

  /** Watches the lease of an inbox in the table until it has been renewed three times. */
  async function threeRenewals(inboxId: string) {
    const leases = new Set<number>()
    await until(async () => {
      const before = Math.floor(Date.now() / 1000)
      const aliveUntil = await leaseIn(gateway, inboxId)
      expect(aliveUntil, 'the lease has not expired').toBeGreaterThan(before)
      leases.add(aliveUntil)
      return leases.size > 3
    }, 'three renewals')
  }

  test('that is answered after three renewals arrives on /mcp', async () => {
    const session = await openSession(gateway, { capabilities: { elicitation: {} } })
    const events = eventsOf(await session.post(callThatAsks))
    const question = await events.message(it => it.method === 'elicitation/create')
    await threeRenewals(String(question.id))
    await session.post({ jsonrpc: '2.0', id: question.id, result })
    const answer = await events.message(it => it.id === 2)
    expect(answer.result).toMatchObject({ content: [{ text }] })
  })

  test('that is answered after three renewals arrives on /sse', async () => {
    const stream = await openRaw(gateway)
    const { params } = initialize
    const capabilities = { elicitation: {} }
    const first = { ...initialize, params: { ...params, capabilities } }
    for (const message of [first, initialized, callThatAsks])
      expect((await postRaw(gateway, stream.endpoint, message)).status).toBe(202)
    const asked = await stream.read(/data: (\{.*"elicitation\/create".*\})\n/)
    const question = JSON.parse(/data: (\{.*"elicitation\/create".*\})\n/.exec(asked)?.[1] ?? '{}')
    await threeRenewals(stream.endpoint.split('sessionId=')[1] ?? '')
    const response = { jsonrpc: '2.0', id: question.id, result }
    expect((await postRaw(gateway, stream.endpoint, response)).status).toBe(202)
    const all = await stream.read(/"id":2[,}]/)
    expect(all).toContain(JSON.stringify(text))
    await stream.close()
  })

  test.each(['', 'unknown', 7])('response with the unknown id "%s" is dropped', async id => {
    const session = await openSession(gateway, { capabilities: { elicitation: {} } })
    expect((await session.post({ jsonrpc: '2.0', id, result })).status).toBe(202)
  })
})

/** The end of the lease of an inbox in the Session table, in seconds since 1970. */
async function leaseIn(gateway: Gateway, inboxId: string): Promise<number> {
  const { aliveUntil } = await (await sessionTable(gateway)).session(inboxId)
  return Number(aliveUntil?.N)
}
