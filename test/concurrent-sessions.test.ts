import { afterAll, beforeAll, expect, test } from 'vitest'

import { barrier, limit, times, together } from './support/concurrency.ts'
import { functionArn, type Gateway, sharing, startGateway } from './support/gateway.ts'
import { answerOf, eventsOf, openSession } from './support/mcp-wire.ts'

const SESSIONS = times(200, 50)
/** How many calls wait for an elicitation result at the same time. Each holds a process. */
const WAITING = 25
/** How many requests start a process at the same time, so that none starves on a busy machine. */
const STARTING = 5

/**
 * Gateways on the same tables. A gateway prefers the environment that it used last. Four gateways
 * make sure that the four requests of a session reach four processes.
 */
let gateways: [opens: Gateway, calls: Gateway, hears: Gateway, closes: Gateway]
beforeAll(async () => {
  // Calls that wait read the table. They must not take the processor from the others.
  const environment = { POLL_BUSY_MS: '250', POLL_IDLE_MS: '250' }
  const opens = await startGateway({ environment })
  const others = [1, 2, 3].map(() =>
    startGateway({ environment: { ...environment, ...sharing(opens) } }),
  )
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

// The time-out grows with the number of sessions: each session costs five requests.
test(
  `${SESSIONS} open sessions work when each request of a session reaches another process`,
  async () => {
    const [opens, calls, hears, closes] = gateways
    const sessions = await together(STARTING, Array.from({ length: SESSIONS }), () =>
      openSession(opens, { capabilities: { elicitation: {} } }),
    )
    const starting = limit(STARTING)
    const allWait = barrier(WAITING)
    const results = await together(WAITING, sessions, async (session, n) => {
      const call = {
        jsonrpc: '2.0',
        // The same id in all sessions.
        id: 2,
        method: 'tools/call',
        params: { name: 'contract', arguments: { mode: 'elicit' } },
      }
      const { events, elicitation } = await starting(async () => {
        const events = eventsOf(await session.post(call, { at: calls }))
        return {
          events,
          elicitation: await events.message(it => it.method === 'elicitation/create'),
        }
      })
      await allWait()
      const result = { action: 'accept', content: { answer: `session ${n}` } }
      const response = { jsonrpc: '2.0', id: elicitation.id, result }
      const accepted = await starting(() => session.post(response, { at: hears }))
      expect(accepted.status).toBe(202)
      return (await events.message(it => it.id === 2)).result?.['content']
    })
    expect(results).toEqual(
      sessions.map((_, n) => [{ type: 'text', text: `accept {"answer":"session ${n}"}` }]),
    )

    await together(STARTING, sessions, async session => {
      expect((await session.remove({ at: closes })).status).toBe(200)
      const ping = { jsonrpc: '2.0', id: 3, method: 'ping' }
      const gone = await session.post(ping, { at: opens })
      expect([gone.status, (await answerOf(gone)).error?.code]).toEqual([404, -32001])
    })
    const pids = gateways.map(it => new Set(it.invocations.map(({ pid }) => pid)))
    expect(new Set(pids.flatMap(it => [...it])).size).toBe(
      pids.reduce((sum, it) => sum + it.size, 0),
    )
    expect(pids[1]?.size).toBeGreaterThanOrEqual(WAITING)
  },
  SESSIONS * 3_000,
)
