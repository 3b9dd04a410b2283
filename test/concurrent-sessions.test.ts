import { afterAll, beforeAll, expect, test } from 'vitest'

import { functionArn, type Gateway, sharing, startGateway } from './support/gateway.ts'
import { answerOf, eventsOf, openSession } from './support/mcp-wire.ts'

const SESSIONS = 200
/** How many calls wait for an elicitation result at the same time. Each holds a process. */
const WAITING = 25

/**
 * Gateways on the same tables. A gateway prefers the environment that it used last. Four gateways make sure that the
 * four requests of a session reach four processes.
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

// The time-out grows with the number of sessions: each costs five requests.
test('200 open sessions work when each request of a session reaches another process', async () => {
  const [opens, calls, hears, closes] = gateways
  const sessions = await inTurn(Array.from({ length: SESSIONS }), () =>
    openSession(opens, { capabilities: { elicitation: {} } }),
  )
  let elicited = 0
  let allWait = () => {}
  const waiting = new Promise<void>(resolve => {
    allWait = resolve
  })
  const results = await inTurn(sessions, async (session, n) => {
    const call = {
      jsonrpc: '2.0',
      // The same in all of them.
      id: 2,
      method: 'tools/call',
      params: { name: 'contract', arguments: { mode: 'elicit' } },
    }
    const events = eventsOf(await session.post(call, { at: calls }))
    const elicitation = await events.message(it => it.method === 'elicitation/create')
    if (++elicited === WAITING) allWait()
    // So that this many calls are open at the same time on every machine, however slow it is.
    await waiting
    const result = { action: 'accept', content: { answer: `session ${n}` } }
    const response = { jsonrpc: '2.0', id: elicitation.id, result }
    expect((await session.post(response, { at: hears })).status).toBe(202)
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
  expect(pids[1]?.size).toBeGreaterThanOrEqual(WAITING)
}, SESSIONS * 3_000)

/** Does the work for all items, `WAITING` at a time. */
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
