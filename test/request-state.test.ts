import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  agentMonday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
} from './support/gateway.ts'
import { messagesIn, meta, postMcp } from './support/sse-wire.ts'

// The state that a client of revision 2026-07-28 carries from one round to the next.

const OLD = 'the old key of at least 32 characters'
const NEW = 'the new key of at least 32 characters'
const refused = { code: -32602, message: expect.stringContaining('requestState') }

/** A gateway with two tools that ask and leave a state; both keep nothing else. */
async function start(keys: string[] = []) {
  const gateway = await startGateway({ environment: { REQUEST_STATE_KEYS: keys.join() } })
  for (const name of ['contract', 'contract-too'])
    await gateway.admin.registerTool({
      name,
      lambdaArn: functionArn('contract'),
      contract: 'mcp',
      parameters: { mode: 'string' },
    })
  return gateway
}

async function call(gateway: Gateway, requestState?: unknown, name = 'contract', as?: Credentials) {
  const answered = {
    inputResponses: { next: { action: 'accept', content: { answer: 'yes' } } },
    requestState,
  }
  const params = { name, arguments: { mode: 'rounds' }, _meta: meta }
  const response = await postMcp(
    gateway,
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: requestState === undefined ? params : { ...params, ...answered },
    },
    {
      headers: {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      credentials: as,
    },
  )
  const answer = (await messagesIn(response)).at(-1)
  return { ...answer, state: answer?.result?.['requestState'] }
}

describe('a request state', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await start()
  })
  afterAll(() => gateway.close())

  test('is accepted by another process, unchanged, for the same tool and caller only', async () => {
    const { state, result } = await call(gateway)
    expect([result?.['resultType'], state]).toEqual(['input_required', expect.any(String)])
    const next = await call(gateway, state)
    expect(next.result).toMatchObject({ resultType: 'input_required' })
    expect(next.state).not.toBe(state)

    expect((await call(gateway, `${state}x`)).error).toMatchObject(refused)
    expect((await call(gateway, state, 'contract-too')).error).toMatchObject(refused)
    expect((await call(gateway, state, 'contract', agentMonday)).error).toMatchObject(refused)
  })
})

test('keys rotate without a failed round until the old key is removed', async () => {
  const gateways = await Promise.all([[OLD], [NEW, OLD], [NEW]].map(keys => start(keys)))
  const [before, during, after] = gateways as [Gateway, Gateway, Gateway]
  try {
    const { state: old } = await call(before)
    const taken = await call(during, old)
    expect(taken.result).toMatchObject({ resultType: 'input_required' })
    expect((await call(after, old)).error).toMatchObject(refused)

    // What is given out meanwhile bears the new key alone.
    expect((await call(after, taken.state)).result).toMatchObject({ resultType: 'input_required' })
    expect((await call(before, taken.state)).error).toMatchObject(refused)
  } finally {
    await Promise.all(gateways.map(it => it.close()))
  }
})
