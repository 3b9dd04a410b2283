import { afterAll, beforeAll, expect, test } from 'vitest'

import { functionArn, type Gateway, sharing, startGateway } from './support/gateway.ts'
import { answerOf, eventsOf, openSession } from './support/mcp-wire.ts'

const SESSIONS = 200
/** Calls that wait for their answers at the same time: each is a process. */
const WAITING = 40

/**
 * Gateways on the same tables. Lambda, and so the local gateway, prefers the environment used last; what meets four of
 * them in turn meets another process each time, for certain.
 */
let gateways: [opens: Gateway, calls: Gateway, hears: Gateway, closes: Gateway]
beforeAll(async () => {
  const opens = await startGateway()
  const others = [1, 2, 3].map(() => startGateway({ environment: sharing(opens) }))
  gateways = [opens, ...(await Promise.all(others))] as typeof gateways
  await opens.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
})
afterAll(async () => {
  for (const gateway of gateways.toReversed()) await gateway.close()
})

test('200 sessions at once: initialize, a call, the answer to its question and DELETE each meet another process', async () => {
  const [opens, calls, hears, closes] = gateways
  const sessions = await inTurn(Array.from({ length: SESSIONS }), () =>
    openSession(opens, { capabilities: { elicitation: {} } }),
  )
  const results = await inTurn(sessions, async (session, n) => {
    const call = {
      jsonrpc: '2.0',
      // The same in all of them.
      id: 2,
      method: 'tools/call',
      params: { name: 'contract', arguments: { mode: 'elicit' } },
    }
    const events = eventsOf(await session.post(call, { at: calls }))
    const question = await events.message(it => it.method === 'elicitation/create')
    const result = { action: 'accept', content: { answer: `session ${n}` } }
    const answer = { jsonrpc: '2.0', id: question.id, result }
    expect((await session.post(answer, { at: hears })).status).toBe(202)
    return (await events.message(it => it.id === 2)).result?.['content']
  })
  expect(results).toEqual(
    sessions.map((_, n) => [{ type: 'text', text: `accept {"answer":"session ${n}"}` }]),
  )

  await inTurn(sessions, async session => {
    expect((await session.remove({ at: closes })).status).toBe(200)
    const ping = { jsonrpc: '2.0', id: 3, method: 'ping' }
    const gone = await session.post(ping, { at: opens })
    expect([gone.status, (await answerOf(gone)).error?.code]).toEqual([404, -32001])
  })
  const pids = gateways.map(it => new Set(it.invocations.map(({ pid }) => pid)))
  expect(new Set(pids.flatMap(it => [...it])).size).toBe(pids.reduce((sum, it) => sum + it.size, 0))
  expect(pids[1]?.size).toBeGreaterThan(WAITING / 2)
})

/** Does the same to all of them, `WAITING` at a time. */
async function inTurn<Item, Result>(
  items: Item[],
  work: (item: Item, n: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const one = async () => {
    while (next < items.length) {
      const n = next++
      results[n] = await work(items[n] as Item, n)
    }
  }
  await Promise.all(Array.from({ length: WAITING }, one))
  return results
}
