import type { ToolInput } from '@markvp/mcp-lambda-sam-admin-client'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { textOf } from './support/clients.ts'
import {
  agentMonday,
  agentTuesday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
  stranger,
} from './support/gateway.ts'
import { answerOf, openSession } from './support/mcp-wire.ts'
import { messagesIn, postMcp } from './support/sse-wire.ts'

// Two functions that tell their tenant and their process, registered with each kind of tenant.

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  for (const tenant of ['account', 'principal', 'session', undefined] as const) {
    const more: Pick<ToolInput, 'tenant'> = tenant ? { tenant } : {}
    await gateway.admin.registerTool({
      name: `buffered-${tenant}`,
      lambdaArn: functionArn('echo'),
      ...more,
    })
    await gateway.admin.registerTool({
      name: `streamed-${tenant}`,
      lambdaArn: functionArn('contract'),
      contract: 'mcp',
      ...more,
    })
  }
})
afterAll(() => gateway.close())

const call = (name: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: { mode: 'tenant' } },
})
const told = (result: unknown): { tenantId?: string; pid: number } =>
  JSON.parse(textOf(result as never))

async function callAs(credentials: Credentials, name: string) {
  const headers = { 'mcp-protocol-version': '2025-06-18' }
  const messages = await messagesIn(await postMcp(gateway, call(name), { headers, credentials }))
  return told(messages.at(-1)?.result)
}

test.each(['buffered', 'streamed'])('a %s call runs in an environment of its tenant', async how => {
  const seen: { tenantId?: string; pid: number }[] = []
  const tenant = async (credentials: Credentials, name: string) => {
    const it = await callAs(credentials, `${how}-${name}`)
    seen.push(it)
    return it.tenantId
  }
  for (const who of [agentMonday, agentTuesday, stranger])
    expect(await tenant(who, 'account')).toBe('111111111111')
  for (const who of [agentMonday, agentTuesday])
    expect(await tenant(who, 'principal')).toBe('111111111111/AROAAGENTS')
  expect(await tenant(stranger, 'principal')).toBe('111111111111/AROASTRANGERS')
  // Without a session the principal is the tenant.
  expect(await tenant(stranger, 'session')).toBe('111111111111/AROASTRANGERS')
  expect(await tenant(agentMonday, 'undefined')).toBeUndefined()

  for (const credentials of [agentMonday, agentMonday]) {
    const session = await openSession(gateway, { credentials })
    for (const _ of ['first', 'second']) {
      const it = told((await answerOf(await session.post(call(`${how}-session`)))).result)
      expect(it.tenantId).toBe(session.id)
      seen.push(it)
    }
  }

  // Each tenant has one environment, which no other tenant uses.
  const pairs = new Set(seen.map(it => `${it.tenantId} ${it.pid}`))
  expect(pairs.size).toBe(6)
  expect(new Set(seen.map(it => it.tenantId)).size).toBe(6)
  expect(new Set(seen.map(it => it.pid)).size).toBe(6)
})
